package resolvers

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

func TestFactsCanBeAddedAndCorrected(t *testing.T) {
	f := newFace(t, Options{})
	var device struct {
		UpsertDevice struct {
			ID, Name                 string
			Custom                   bool
			MemoryMb, UsableMemoryMb float64
		}
	}
	f.ask(&device, `mutation { upsertDevice(input: { name: "Acme X1", platform: CUDA, kind: "datacenter-gpu", fp32FlopPerS: 2e13, fp16FlopPerS: 4e13,
		memoryBytes: 4e10, memoryBandwidthBytesPerS: 1e12, cores: 100, clockHz: 1.5e9 }) { id name custom memoryMb usableMemoryMb } }`, nil)
	if d := device.UpsertDevice; !d.Custom || d.MemoryMb != 40_000 || d.UsableMemoryMb >= d.MemoryMb {
		t.Errorf("device: %+v", d)
	}
	f.ask(&struct{}{}, `{ predict(input: { model: "bert-base-uncased", device: "acme x1" }) { device } }`, nil)

	var model struct {
		UpsertModel struct {
			ID, Name, Family string
			Layers           int
			Custom           bool
			Params           float64
		}
	}
	f.ask(&model, `mutation { upsertModel(input: { name: "acme-7b", family: "text_generation", kind: "decoder", params: 7e9, layers: 32, hidden: 4096,
		intermediate: 11008, heads: 32, kvHeads: 32, vocab: 32000, gatedMlp: true }) { id name family layers custom } }`, nil)
	if m := model.UpsertModel; !m.Custom || m.Layers != 32 {
		t.Errorf("model: %+v", m)
	}
	f.ask(&struct{}{}, `{ predict(input: { model: "acme-7b", platform: cuda, precision: bf16, outputLength: 10 }) { tpotMs { value } } }`, nil)

	const config = `{ "model_type": "llama", "hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8,
		"intermediate_size": 8192, "vocab_size": 128256, "max_position_embeddings": 131072 }`
	for name, value := range map[string]any{"acme-1b": config, "acme-1b-object": json.RawMessage(config)} {
		f.ask(&model, `mutation($in: ModelInput!) { upsertModel(input: $in) { name layers params custom } }`,
			map[string]any{"in": map[string]any{"name": name, "configJson": value}})
		if m := model.UpsertModel; m.Name != name || m.Layers != 16 || m.Params < 1e9 || m.Params > 2e9 {
			t.Errorf("from a config.json: %+v", m)
		}
	}
	if p := f.refused(`mutation { upsertModel(input: { name: "x", configJson: { model_type: "llama", hidden_size: 2048 } }) { id } }`, nil); p.Extensions.Field != "configJson.num_hidden_layers" {
		t.Errorf("a config.json without layers: %+v", p)
	}

	impossible := f.refused(`mutation { upsertDevice(input: { name: "Acme X2", platform: cuda, fp32FlopPerS: 2e13, memoryBytes: 4e10, memoryBandwidthBytesPerS: 0 }) { id } }`, nil)
	if impossible.Extensions.Code != "INVALID_ARGUMENT" || impossible.Extensions.Field != "memoryBandwidthBytesPerS" {
		t.Errorf("a device without bandwidth: %+v", impossible)
	}
}

func TestStoredModels(t *testing.T) {
	f := newFace(t, Options{})
	stored := f.completed(`storeModel(input: { modelType: "xgboost", targetMetric: "latency", platform: cuda, path: "/tmp/model.pkl", features: ["batch_size"], testScore: 0.9 })`)
	var id struct {
		ModelID string `json:"model_id"`
	}
	if err := json.Unmarshal(stored.Result, &id); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Node struct {
			ModelType, Path          string
			Active                   bool
			TestScore, TrainingScore *float64
		}
		PredictionModels struct{ Nodes []struct{ ID string } }
	}
	f.ask(&got, `query($id: ID!) { node(id: $id) { ... on PredictionModel { modelType path active testScore trainingScore } }
		predictionModels(platform: cuda, targetMetric: "latency") { nodes { id } } }`, map[string]any{"id": id.ModelID})
	if n := got.Node; n.ModelType != "xgboost" || n.Path != "/tmp/model.pkl" || n.Active || *n.TestScore != 0.9 || n.TrainingScore != nil || len(got.PredictionModels.Nodes) != 1 {
		t.Errorf("%+v", got)
	}
	if p := f.refused(fmt.Sprintf(`mutation { promoteModel(id: %q) { id } }`, id.ModelID), nil); p.Extensions.Code == "INTERNAL" {
		t.Errorf("promoting a label: %+v", p)
	}
	foreign := base64.StdEncoding.EncodeToString([]byte("\x80\x04a pickle"))
	if p := f.refused(fmt.Sprintf(`mutation { storeModel(input: { modelType: "x", targetMetric: "latency", platform: cuda, features: ["a"], artefact: %q }) { id } }`, foreign), nil); p.Extensions.Code != "INVALID_ARGUMENT" || p.Extensions.Field != "artefact" {
		t.Errorf("a foreign artefact: %+v", p)
	}
}

// Whatever has an id can be fetched by it.
func TestNodes(t *testing.T) {
	f := newFace(t, Options{})
	f.record(1, 8)
	task := f.completed(`predictHardware(input: { model: "bert-base-uncased" }, availableHardware: [cuda])`)
	f.completed(`generateSampleData(numModels: 1)`)
	var ids struct {
		Measurements, Predictions, PredictionModels, Devices, Models, Recommendations struct{ Nodes []struct{ ID string } }
		Predict                                                                       struct{ ID string }
	}
	f.ask(&ids, `{ measurements(first: 1) { nodes { id } } predictions(first: 1) { nodes { id } } predictionModels(first: 1) { nodes { id } }
		devices(first: 1) { nodes { id } } models(first: 1) { nodes { id } } recommendations(first: 1) { nodes { id } }
		predict(input: { model: "bert-base-uncased", platform: cuda, batchSize: 32 }) { id } }`, nil)
	want := map[string]string{
		ids.Measurements.Nodes[0].ID: "Measurement", ids.Predictions.Nodes[0].ID: "Prediction", ids.PredictionModels.Nodes[0].ID: "PredictionModel",
		ids.Devices.Nodes[0].ID: "Device", ids.Models.Nodes[0].ID: "Model", ids.Recommendations.Nodes[0].ID: "Recommendation",
		ids.Predict.ID: "Prediction", task.ID: "Task",
	}
	var all []string
	for id := range want {
		all = append(all, id)
	}
	missing := []string{"pred-none", "meas-none", "rec-none", "model-none", "device:cuda:none", "model:none", "hardware-none", "none", ""}
	var got struct {
		Nodes []*struct {
			Typename string `json:"__typename"`
			ID       string
		}
		Node *struct{ BatchSize int }
	}
	f.ask(&got, `query($ids: [ID!]!, $asked: ID!) { nodes(ids: $ids) { __typename id } node(id: $asked) { ... on Prediction { batchSize } } }`,
		map[string]any{"ids": append(all, missing...), "asked": ids.Predict.ID})
	for i, id := range all {
		if n := got.Nodes[i]; n == nil || n.ID != id || n.Typename != want[id] {
			t.Errorf("node %s: %+v, want a %s", id, n, want[id])
		}
	}
	for i, id := range missing {
		if n := got.Nodes[len(all)+i]; n != nil {
			t.Errorf("node %q: %+v", id, n)
		}
	}
	if got.Node == nil || got.Node.BatchSize != 32 {
		t.Errorf("a prediction that was not stored, asked again: %+v", got.Node)
	}
}

func TestLookingAround(t *testing.T) {
	f := newFace(t, Options{})
	var got struct {
		Fleet     []struct{ Device string }
		Platforms []string
		Runtimes  []struct{ Name, Title string }
		Overview  struct {
			Status, ModelVersion string
			Tables               []struct {
				Name   string
				Rows   float64
				Newest *string
			}
		}
		Device struct {
			Name, Vendor                           string
			Fp16FlopPerS, MemoryBandwidthBytesPerS float64
		}
		Model struct {
			Name   string
			Params float64
		}
	}
	f.ask(&got, `{ fleet { device } platforms runtimes { name title aliases serves } overview { status modelVersion startedAt learned databaseMb tables { name rows newest } }
		device(name: "a100 sxm 80gb") { name vendor fp16FlopPerS memoryBandwidthBytesPerS } model(name: "bert-base") { name params } }`, nil)
	if got.Fleet == nil || len(got.Fleet) != 0 || !slices.Contains(got.Platforms, "tpu") || !slices.Contains(got.Platforms, "webnn") || len(got.Runtimes) < 5 {
		t.Errorf("%+v", got)
	}
	if o := got.Overview; o.Status != "ok" || o.ModelVersion == "" || len(o.Tables) < 6 {
		t.Errorf("overview %+v", o)
	}
	if got.Device.Name != "NVIDIA A100 SXM 80GB" || got.Device.Fp16FlopPerS != 312e12 || got.Model.Name != "bert-base-uncased" || got.Model.Params < 1e8 {
		t.Errorf("%+v %+v", got.Device, got.Model)
	}
}
