// Package bench holds perfcast's benchmark scripts, which also go into the
// binary: the generator component makes scripts of them that need no other
// file.
package bench

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

//go:embed perfbench.py onnx_bench.py torch_bench.py llamacpp_bench.py vllm_bench.py
var files embed.FS

// Template is a kind of script.
type Template struct {
	Name        string // "pytorch"
	Description string
	Requires    string // what has to be installed
	file        string
}

// Templates lists the kinds of scripts; the first is the standard.
var Templates = []Template{
	{"pytorch", "PyTorch, eager and compiled, inference and training", "torch, transformers; timm for its models", "torch_bench.py"},
	{"onnxruntime", "ONNX Runtime", "onnxruntime, onnx, numpy", "onnx_bench.py"},
	{"llama.cpp", "llama.cpp's llama-bench", "llama-bench and a GGUF file", "llamacpp_bench.py"},
	{"vllm", "vLLM's latency benchmark", "vllm", "vllm_bench.py"},
}

// Names lists the templates' names.
func Names() []string {
	var out []string
	for _, t := range Templates {
		out = append(out, t.Name)
	}
	return out
}

// Find is the template of a name; false when there is none.
func Find(name string) (Template, bool) {
	i := slices.IndexFunc(Templates, func(t Template) bool { return t.Name == name })
	if i < 0 {
		return Template{}, false
	}
	return Templates[i], true
}

const (
	importLine  = "from perfbench import *  # inlined in generated scripts\n"
	defaultLine = "\nDEFAULTS = []\n"
)

// Script is a script of one file that runs with these arguments when it is
// given none. about is one line that says what it is.
func (t Template) Script(about string, args []string) (string, error) {
	common, err := files.ReadFile("perfbench.py")
	if err != nil {
		return "", err
	}
	own, err := files.ReadFile(t.file)
	if err != nil {
		return "", err
	}
	if strings.Count(string(own), importLine) != 1 || strings.Count(string(common), defaultLine) != 1 {
		return "", fmt.Errorf("bench: %s cannot be put together", t.file)
	}
	// A list of strings in JSON without characters beyond ASCII is one in
	// Python too: nothing of an argument can be more than a string.
	list, err := json.Marshal(args)
	if err != nil {
		return "", err
	}
	shared := strings.Replace(string(common), defaultLine, "\nDEFAULTS = "+ascii(string(list))+"\n", 1)
	shebang, rest, _ := strings.Cut(string(own), "\n")
	rest = strings.Replace(rest, importLine, shared, 1)
	return shebang + "\n# " + strings.Map(printable, about) + "\n# Runs as it is; --help shows what else it can measure.\n" + rest, nil
}

// ascii writes what is beyond ASCII in Python's escapes.
func ascii(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < 0x7f:
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return '?'
	}
	return r
}
