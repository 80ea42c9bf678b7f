package component

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/perfcast/perfcast/bench"
	"github.com/perfcast/perfcast/perf"
)

// generatedFile is a script for one piece of hardware.
type generatedFile struct {
	Name     string `json:"name"`
	Hardware string `json:"hardware"`
	Path     string `json:"path,omitempty"` // below the operator's folder; empty when it was not written there
	Content  string `json:"content,omitempty"`
}

// generatorResult is what a generator task ends with.
type generatorResult struct {
	Template     string          `json:"template_type"`
	Architecture string          `json:"architecture"` // of the model, when the catalogue knows it
	Requires     string          `json:"requires"`
	Files        []generatedFile `json:"files"`
}

var fileUnsafe = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

func (t *generator) do(q generatorRequest, server string, s step) (any, error) {
	template, _ := bench.Find(q.Template)
	c, model, hardware := q.context(), string(q.Model), texts(q.Hardware, "cpu")
	res := generatorResult{Template: template.Name, Requires: template.Requires}
	var facts *perf.Model
	if t.App != nil {
		if m, err := t.App.Model(model); err == nil {
			facts = m
			res.Architecture = m.Architecture
		}
	}
	for i, hw := range hardware {
		s(float64(i)/float64(len(hardware)), "Writing the script for "+hw)
		args := []string{"--model", model, "--device", hw, "--batch-size", strconv.Itoa(c.BatchSize), "--sequence-length", strconv.Itoa(c.Sequence),
			"--output-length", strconv.Itoa(c.Output), "--precision", string(c.Precision), "--repeats", strconv.Itoa(c.Repeats), "--post", server}
		if config := configOf(facts); config != "" && (q.Template == "pytorch" || q.Template == "onnxruntime") {
			args = append(args, "--config-json", config)
		}
		if q.Template == "pytorch" && value(q.Task) == string(perf.Training) {
			args = append(args, "--mode", "training")
		}
		text, err := template.Script(fmt.Sprintf("Measures %s on %s with %s and posts the result to %s.", model, hw, template.Name, server), args)
		if err != nil {
			return nil, err
		}
		f := generatedFile{Name: "bench_" + fileUnsafe.ReplaceAllString(model+"_"+hw+"_"+template.Name, "_") + ".py", Hardware: hw, Content: text}
		if err := t.write(&f, value(q.OutputDir), value(q.Force)); err != nil {
			return nil, err
		}
		res.Files = append(res.Files, f)
	}
	return res, nil
}

// write puts a script into the operator's folder, if there is one; through a
// root that no name and no link leads out of.
func (t *generator) write(f *generatedFile, dir string, force bool) error {
	if t.Scripts == "" {
		return nil
	}
	if err := os.MkdirAll(t.Scripts, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(t.Scripts)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	f.Path = path.Join(filepath.ToSlash(dir), f.Name)
	if err := root.MkdirAll(path.Dir(f.Path), 0o755); err != nil {
		return err
	}
	if force {
		if err := root.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	file, err := root.OpenFile(f.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: ask with force to replace it", f.Path)
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(f.Content)
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}

// configOf is a transformer's facts in the words of a config.json, so that its
// shape can be built without asking any hub; empty for other models, and for
// those whose layers aren't known.
func configOf(m *perf.Model) string {
	if m == nil || m.Layers == 0 || m.Hidden == 0 || m.Heads == 0 || m.Experts > 0 {
		return ""
	}
	kind := map[string]string{"encoder": "bert", "decoder": "gpt2", "vit": "vit"}[m.Kind]
	if m.Kind == "decoder" && m.GatedMLP {
		kind = "llama"
	}
	if kind == "" {
		return ""
	}
	c := map[string]any{"model_type": kind, "hidden_size": m.Hidden, "num_hidden_layers": m.Layers, "num_attention_heads": m.Heads}
	for name, n := range map[string]int{"intermediate_size": m.Intermediate, "num_key_value_heads": m.KVHeads, "head_dim": m.HeadDim, "vocab_size": m.Vocab,
		"max_position_embeddings": m.MaxPosition, "image_size": m.ImageSize, "patch_size": m.Patch} {
		if n > 0 {
			c[name] = n
		}
	}
	b, err := json.Marshal(c) // keys in order: the same model, the same script
	if err != nil {
		return ""
	}
	return string(b)
}
