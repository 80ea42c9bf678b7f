package train

import "strings"

// unit is what a row's numbers count where its columns do not say so, or say
// otherwise. Each is told by the table that the row is from (its heading, its
// README), or by arithmetic: the batch over the latency is the throughput.
type unit struct {
	model string            // prefix of the row's model
	where func(r *Row) bool // nil: all rows of the model

	items    float64 // counted by the throughput for each sample; 0 = 1; noThroughput = the column is none
	time     float64 // of the latency column for each millisecond; 0 = 1
	sequence int     // tokens of a sample
	batch    int     // of all devices, where no column has it
	tokens   bool    // batch and throughput are of tokens
	phase    string  // the part of a request that was timed
	passes   float64 // of the facts' samples in one of the row's
}

const noThroughput = -1

var units = []unit{
	{model: "dle/pytorch/Recommendation/NCF", where: training, items: 1e-6},                      // millions of samples a second
	{model: "dle/pytorch/Recommendation/NCF", where: inference, items: noThroughput, time: 1e-3}, // the exponent is cut off; seconds
	{model: "dle/tensorflow/Recommendation/NCF", items: 1e-6, time: 1e-3},                        // millions, seconds
	{model: "dle/tensorflow2/Recommendation/DLRM_and_DCNv2", items: 1e-6, batch: 65536},          // millions; the scripts' batches, here and below
	{model: "dle/pytorch/Recommendation/DLRM", batch: 65536},
	{model: "dle/tensorflow2/Recommendation/SIM", batch: 131072},
	{model: "dle/dglpytorch/DrugDiscovery/SE3Transformer", items: 1e-3},                             // molecules a millisecond
	{model: "dle/tensorflow/Translation/GNMT", where: training, items: 1e-3},                        // thousands of tokens
	{model: "dle/tensorflow/Translation/GNMT", where: inference, items: noThroughput, sequence: 28}, // BLEU; a sentence of WMT's test set
	{model: "dle/pytorch/Translation/Transformer", where: training, tokens: true, sequence: 28},     // batches of so many tokens
	{model: "dle/pytorch/LanguageModeling/Transformer-XL", where: inference, phase: "prefill"},      // batch x length / latency
	{model: "dle/tensorflow/LanguageModeling/Transformer-XL", where: inference, phase: "prefill"},   //
	{model: "dle/pytorch/LanguageModeling/BERT/", where: triton, sequence: 384},                     // SQuAD, padded
	{model: "dle/pytorch/SpeechRecognition/wav2vec2", items: 1500},                                  // frames, 50 for each of a sample's 30 s
	{model: "dle/pytorch/SpeechRecognition/Jasper", where: training, passes: librispeech},           // the facts are of a second
	{model: "dle/pytorch/SpeechRecognition/QuartzNet", where: training, passes: librispeech},        //
	{model: "qai/opus_mt", where: decoder, phase: "decode", sequence: 256},                          // one token a call, as its page says
	{model: "qai/trocr", where: decoder, phase: "decode", sequence: 20},
	{model: "mlperf/llama2-70b", where: func(r *Row) bool { return offline(r, "v4.0") }, items: 294.45}, // tokens of the mean answer
}

// librispeech is the mean length of an utterance of its training sets, in s:
// 960 h in 281,241 utterances.
const librispeech = 12.3

func training(r *Row) bool  { return strings.HasPrefix(r.Mode, "train") }
func inference(r *Row) bool { return !training(r) }
func triton(r *Row) bool    { return strings.HasPrefix(r.Framework, "Triton") }

func decoder(r *Row) bool { return strings.HasSuffix(r.Model, "Decoder") }

// offline reports whether a row is of a round's offline scenario, whose units a
// collection of that round's results copied from those that count samples.
func offline(r *Row, round string) bool {
	return strings.HasPrefix(r.Source, "mlcommons/cm4mlperf") && r.say("round") == round && r.say("scenario") == "Offline"
}

// unitOf is the unit of a row; that of most is no other than stated.
func unitOf(r *Row) unit {
	for _, u := range units {
		if strings.HasPrefix(r.Model, u.model) && (u.where == nil || u.where(r)) {
			return u
		}
	}
	return unit{}
}

// restate makes views of what the row's numbers count.
func (u unit) restate(views []View) []View {
	out := views[:0]
	for _, v := range views {
		switch {
		case v.Metric == "throughput" && u.items == noThroughput:
			continue
		case v.Metric == "throughput" && u.items > 0:
			v.K *= u.items
		case v.Metric == "latency" && u.time > 0:
			v.K *= u.time
		}
		out = append(out, v)
	}
	return out
}
