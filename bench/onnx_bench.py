#!/usr/bin/env python3
"""Measures a model in ONNX Runtime, with onnxruntime, onnx and numpy alone.

The graph is built here with random weights: encoders (BERT), decoders (GPT-2,
Llama) as prefill and as one decode step with its cache, ViT, ResNet and
Whisper, or the shape of any config.json of these families.
"""

from perfbench import *  # inlined in generated scripts

import tempfile


def libraries():
    try:
        import numpy, onnx, onnxruntime
    except ImportError as e:
        raise Unusable("%s: pip install onnxruntime onnx numpy" % e)
    return numpy, onnx, onnxruntime


class Graph:
    """Builds an ONNX graph node by node. Names of values are strings."""

    def __init__(self, dtype, seed=0):
        self.np, self.onnx, _ = libraries()
        self.dtype = self.np.dtype(dtype)
        self.kind = self.onnx.helper.np_dtype_to_tensor_dtype(self.dtype)
        self.rng = self.np.random.default_rng(seed)
        self.nodes, self.weights, self.inputs, self.outputs, self.count = [], [], [], [], 0
        self.params = 0

    def name(self, what):
        self.count += 1
        return "%s_%d" % (what, self.count)

    def const(self, array, what="c"):
        n = self.name(what)
        self.weights.append(self.onnx.numpy_helper.from_array(self.np.asarray(array), n))
        return n

    def ints(self, *values):
        return self.const(self.np.array(values, dtype=self.np.int64))

    def scalar(self, x):
        return self.const(self.np.array(x, dtype=self.dtype))

    def weight(self, *dims):
        """Random weights, small enough for deep stacks to stay finite."""
        self.params += int(self.np.prod(dims))
        w = self.rng.standard_normal(dims, dtype=self.np.float32)
        w *= 0.02
        return self.const(w.astype(self.dtype), "w")

    def ones(self, n):
        self.params += n
        return self.const(self.np.ones(n, self.dtype))

    def zeros(self, *dims):
        self.params += int(self.np.prod(dims))
        return self.const(self.np.zeros(dims, self.dtype))

    def op(self, kind, *inputs, outputs=1, **attributes):
        outs = [self.name(kind.lower()) for _ in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), outs, **attributes))
        return outs[0] if outputs == 1 else outs

    def input(self, name, kind, dims):
        self.inputs.append(self.onnx.helper.make_tensor_value_info(name, kind, dims))
        return name

    def output(self, value):
        self.outputs.append(self.onnx.helper.make_tensor_value_info(value, self.kind, None))

    def linear(self, x, rows, cols, bias=True):
        y = self.op("MatMul", x, self.weight(rows, cols))
        return self.op("Add", y, self.zeros(cols)) if bias else y

    def norm(self, x, n, rms=False):
        if not rms:
            return self.op("LayerNormalization", x, self.ones(n), self.zeros(n), axis=-1, epsilon=1e-5)
        square = self.op("ReduceMean", self.op("Mul", x, x), self.ints(-1), keepdims=1)
        scale = self.op("Sqrt", self.op("Add", square, self.scalar(1e-5)))
        return self.op("Mul", self.op("Div", x, scale), self.ones(n))

    def gelu(self, x):
        half = self.op("Mul", x, self.scalar(0.5))
        erf = self.op("Erf", self.op("Mul", x, self.scalar(0.7071067811865476)))
        return self.op("Mul", half, self.op("Add", erf, self.scalar(1.0)))

    def feed_forward(self, x, hidden, inner, gated=False):
        if gated:
            gate, up = self.linear(x, hidden, inner, False), self.linear(x, hidden, inner, False)
            return self.linear(self.op("Mul", self.op("Mul", gate, self.op("Sigmoid", gate)), up), inner, hidden, False)
        return self.linear(self.gelu(self.linear(x, hidden, inner)), inner, hidden)

    def split(self, x, batch, tokens, heads, dim):
        return self.op("Transpose", self.op("Reshape", x, self.ints(batch, tokens, heads, dim)), perm=[0, 2, 1, 3])

    def attention(self, x, hidden, heads, batch, tokens, *, kv_heads=None, dim=None, source=None, source_tokens=None, past=0, layer=0, causal=False, bias=True):
        """Multi-head attention of x over itself, over source, or over a cache of
        past tokens and itself."""
        kv_heads = kv_heads or heads
        dim = dim or hidden // heads
        q = self.split(self.linear(x, hidden, heads * dim, bias), batch, tokens, heads, dim)
        over, n = (source, source_tokens) if source else (x, tokens)
        k = self.split(self.linear(over, hidden, kv_heads * dim, bias), batch, n, kv_heads, dim)
        v = self.split(self.linear(over, hidden, kv_heads * dim, bias), batch, n, kv_heads, dim)
        if past:
            k = self.op("Concat", self.input("past_key_%d" % layer, self.kind, [batch, kv_heads, past, dim]), k, axis=2)
            v = self.op("Concat", self.input("past_value_%d" % layer, self.kind, [batch, kv_heads, past, dim]), v, axis=2)
            n = past + tokens
        if kv_heads != heads:
            def repeat(t):
                t = self.op("Unsqueeze", t, self.ints(2))
                t = self.op("Expand", t, self.ints(batch, kv_heads, heads // kv_heads, n, dim))
                return self.op("Reshape", t, self.ints(batch, heads, n, dim))
            k, v = repeat(k), repeat(v)
        scores = self.op("MatMul", q, self.op("Transpose", k, perm=[0, 1, 3, 2]))
        scores = self.op("Mul", scores, self.scalar(dim ** -0.5))
        if causal and tokens > 1:
            mask = self.np.triu(self.np.full((tokens, tokens), -1e4, self.dtype), 1)
            scores = self.op("Add", scores, self.const(mask))
        mixed = self.op("MatMul", self.op("Softmax", scores, axis=-1), v)
        mixed = self.op("Reshape", self.op("Transpose", mixed, perm=[0, 2, 1, 3]), self.ints(batch, tokens, heads * dim))
        return self.linear(mixed, heads * dim, hidden, bias)

    def conv(self, x, into, out, kernel, stride, relu=True):
        x = self.op("Conv", x, self.weight(out, into, kernel, kernel), self.zeros(out), kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4)
        return self.op("Relu", x) if relu else x  # batch norm is folded into the convolution, as exporters do

    def save(self, path):
        h = self.onnx.helper
        graph = h.make_graph(self.nodes, "perfcast", self.inputs, self.outputs, self.weights)
        model = h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=8)
        large = 4 * self.params > 1 << 30
        self.onnx.save_model(model, path, save_as_external_data=large, all_tensors_to_one_file=True)


def encoder(g, s, batch, tokens):
    h = s["hidden_size"]
    ids = g.input("input_ids", g.onnx.TensorProto.INT64, [batch, tokens])
    x = g.op("Add", g.op("Gather", g.weight(s["vocab_size"], h), ids), g.weight(1, tokens, h))
    x = g.norm(x, h)
    for _ in range(s["num_hidden_layers"]):
        x = g.norm(g.op("Add", x, g.attention(x, h, s["num_attention_heads"], batch, tokens)), h)
        x = g.norm(g.op("Add", x, g.feed_forward(x, h, s["intermediate_size"])), h)
    g.output(x)


def decoder(g, s, batch, tokens, past):
    h, gated = s["hidden_size"], s.get("gated", False)
    ids = g.input("input_ids", g.onnx.TensorProto.INT64, [batch, tokens])
    embedding = g.weight(s["vocab_size"], h)
    x = g.op("Gather", embedding, ids)
    if not gated:
        x = g.op("Add", x, g.weight(1, tokens, h))
    for i in range(s["num_hidden_layers"]):
        a = g.attention(g.norm(x, h, gated), h, s["num_attention_heads"], batch, tokens, kv_heads=s.get("num_key_value_heads"), dim=s.get("head_dim"), past=past, layer=i, causal=True, bias=not gated)
        x = g.op("Add", x, a)
        x = g.op("Add", x, g.feed_forward(g.norm(x, h, gated), h, s["intermediate_size"], gated))
    last = g.op("Slice", g.norm(x, h, gated), g.ints(tokens - 1), g.ints(tokens), g.ints(1))
    g.output(g.op("MatMul", last, g.op("Transpose", embedding, perm=[1, 0])))


def vit(g, s, batch):
    h, size, patch = s["hidden_size"], s["image_size"], s["patch_size"]
    tokens = (size // patch) ** 2
    pixels = g.input("pixels", g.kind, [batch, 3, size, size])
    x = g.op("Conv", pixels, g.weight(h, 3, patch, patch), g.zeros(h), kernel_shape=[patch] * 2, strides=[patch] * 2)
    x = g.op("Transpose", g.op("Reshape", x, g.ints(batch, h, tokens)), perm=[0, 2, 1])
    x = g.op("Concat", g.op("Expand", g.weight(1, 1, h), g.ints(batch, 1, h)), x, axis=1)
    x = g.op("Add", x, g.weight(1, tokens + 1, h))
    for _ in range(s["num_hidden_layers"]):
        x = g.op("Add", x, g.attention(g.norm(x, h), h, s["num_attention_heads"], batch, tokens + 1))
        x = g.op("Add", x, g.feed_forward(g.norm(x, h), h, s["intermediate_size"]))
    first = g.op("Gather", g.norm(x, h), g.const(g.np.array(0, g.np.int64)), axis=1)
    g.output(g.linear(first, h, s["num_labels"]))


def resnet(g, s, batch):
    size, basic = s["image_size"], s["layer_type"] == "basic"
    x = g.conv(g.input("pixels", g.kind, [batch, 3, size, size]), 3, 64, 7, 2)
    x = g.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    wide = 64
    for stage, (depth, out) in enumerate(zip(s["depths"], s["hidden_sizes"])):
        for i in range(depth):
            stride = 2 if stage > 0 and i == 0 else 1
            if basic:
                y = g.conv(g.conv(x, wide, out, 3, stride), out, out, 3, 1, relu=False)
            else:
                y = g.conv(g.conv(g.conv(x, wide, out // 4, 1, 1), out // 4, out // 4, 3, stride), out // 4, out, 1, 1, relu=False)
            if wide != out or stride != 1:
                x = g.conv(x, wide, out, 1, stride, relu=False)
            x, wide = g.op("Relu", g.op("Add", x, y)), out
    x = g.op("Flatten", g.op("GlobalAveragePool", x))
    g.output(g.linear(x, wide, s["num_labels"]))


def whisper_encoder(g, s, batch):
    h, frames = s["hidden_size"], 2 * s["max_source_positions"]
    mel = g.input("mel", g.kind, [batch, s["num_mel_bins"], frames])
    x = g.gelu(g.op("Conv", mel, g.weight(h, s["num_mel_bins"], 3), g.zeros(h), kernel_shape=[3], pads=[1, 1]))
    x = g.gelu(g.op("Conv", x, g.weight(h, h, 3), g.zeros(h), kernel_shape=[3], strides=[2], pads=[1, 1]))
    tokens = frames // 2
    x = g.op("Add", g.op("Transpose", x, perm=[0, 2, 1]), g.weight(1, tokens, h))
    for _ in range(s["num_hidden_layers"]):
        x = g.op("Add", x, g.attention(g.norm(x, h), h, s["num_attention_heads"], batch, tokens))
        x = g.op("Add", x, g.feed_forward(g.norm(x, h), h, s["intermediate_size"]))
    g.output(g.norm(x, h))


def session(args, build):
    """An inference session of the graph that build makes, and its inputs."""
    np, _, ort = libraries()
    dtypes = {"fp32": np.float32, "fp16": np.float16}
    base = args.precision if args.precision in dtypes else "fp32"
    if args.precision not in ("fp32", "fp16", "int8"):
        raise Unusable("precision %s is not one of fp32, fp16, int8" % args.precision)
    providers = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "rocm": "ROCMExecutionProvider",
                 "openvino": "OpenVINOExecutionProvider", "mps": "CoreMLExecutionProvider", "qnn": "QNNExecutionProvider"}
    provider = providers.get(args.device)
    if provider not in ort.get_available_providers():
        raise Unusable("this onnxruntime cannot use %s; it has %s" % (args.device, ", ".join(ort.get_available_providers())))
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if args.threads:
        options.intra_op_num_threads = args.threads
    with tempfile.TemporaryDirectory(prefix="perfcast-") as folder:
        path = os.path.join(folder, "model.onnx")
        params = written(path, dtypes[base], build)
        if args.precision == "int8":
            from onnxruntime.quantization import QuantType, quantize_dynamic
            apart(lambda: quantize_dynamic(path, path + ".int8", weight_type=QuantType.QInt8))
            path += ".int8"
        try:
            s = ort.InferenceSession(path, options, providers=[provider])
        except Exception as e:  # onnxruntime's errors share no other base class
            raise Unusable("onnxruntime cannot load the model: %s" % e)
    if s.get_providers()[0] != provider:
        raise Unusable("onnxruntime fell back to %s" % s.get_providers()[0])
    feed, rng = {}, np.random.default_rng(1)
    for i in s.get_inputs():
        if i.type == "tensor(int64)":
            feed[i.name] = np.ones(i.shape, np.int64)
        else:
            feed[i.name] = rng.standard_normal(i.shape, dtype=np.float32).astype(dtypes[base])
    return s, feed, params


def written(path, dtype, build):
    """Builds a graph and saves it; returns its number of parameters."""
    def write():
        g = Graph(dtype)
        build(g)
        g.save(path)
        with open(path + ".params", "w") as f:
            f.write(str(g.params))
    apart(write)
    with open(path + ".params") as f:
        return int(f.read())


def apart(work):
    """Does work in a process of its own, so that the memory it takes is not
    counted as the model's."""
    if not hasattr(os, "fork"):
        work()
        return
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except Exception as e:
            print(e, file=sys.stderr)
        finally:
            sys.stderr.flush()
            os._exit(status)
    if os.waitpid(pid, 0)[1] != 0:
        raise Unusable("the model could not be built; see standard error")


def run(args):
    np, _, ort = libraries()
    s = shape(args)
    cases = []

    def case(name, build, per_step=args.batch_size, **fields):
        sess, feed, params = session(args, build)
        out = sess.run(None, feed)
        if not np.isfinite(out[0]).all():
            raise Unusable("the model's output is not finite")
        m = measure(lambda: sess.run(None, feed), args, name)
        m.update(case=name, throughput=1e3 * per_step / m["latency_ms"], memory_mb=peak_memory_mb(), **fields)
        m.setdefault("environment", environment(onnxruntime=ort.__version__, parameters=params))
        cases.append(m)
        return m

    b, tokens, arch = args.batch_size, args.sequence_length, s["arch"]
    if arch == "encoder":
        case("forward", lambda g: encoder(g, s, b, tokens), sequence_length=tokens)
    elif arch == "decoder":
        first = case("prefill", lambda g: decoder(g, s, b, tokens, 0), sequence_length=tokens)
        first["ttft_ms"] = first["latency_ms"]
        step = case("decode", lambda g: decoder(g, s, b, 1, tokens), sequence_length=tokens, output_length=1)
        step["tpot_ms"] = step.pop("latency_ms")  # of a cache of that many tokens
        step["output_tokens_per_second"] = step.pop("throughput")
        for k in ("latency_ms_low", "latency_ms_high"):
            step["environment"][k.replace("latency", "tpot")] = str(step.pop(k))
    elif arch == "vit":
        case("forward", lambda g: vit(g, s, b), image_size=s["image_size"])
    elif arch == "resnet":
        case("forward", lambda g: resnet(g, s, b), image_size=s["image_size"], layout="nchw")
    else:
        case("encoder", lambda g: whisper_encoder(g, s, b))
    return dict(model=args.model, platform=args.device, runtime="onnxruntime", runtime_version=ort.__version__, precision=args.precision, mode="inference",
                batch_size=b, threads=args.threads, results=cases)


if __name__ == "__main__":
    sys.exit(main(__doc__, run))
