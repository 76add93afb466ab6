// Command fraud_rules has rules that tell fraud, and what a person should look at, from the rest.
package main

import (
	"millrace"
	"millrace/transform"
)

func init() {
	transform.Export(millrace.About{
		Name:    "fraud_rules",
		Version: "0.1.0",
		Summary: "Sends transactions to main, review or fraud by rules over amount, country, " +
			"merchant, hour and segment",
	}, New())
}

func main() {}

// outcomes are the ports beside main, in the order in which their rules are asked.
var outcomes = []Outcome{Fraud, Review}

// FraudRules is the plugin, with its configuration.
type FraudRules struct {
	Config
	rules []*Rule
}

// New is the plugin with the names that its columns usually have.
func New() *FraudRules {
	return &FraudRules{Config: Config{Columns: Columns{
		Amount: "amount", Country: "country", Merchant: "merchant", Hour: "hour",
		Segment: "segment",
	}}}
}

// Start checks the configuration against the input.
func (p *FraudRules) Start(input millrace.Schema) (*millrace.Description, error) {
	rules, reads, err := p.resolve(input)
	if err != nil {
		return nil, err
	}
	p.rules = rules
	description := &millrace.Description{Reads: reads, Ports: []millrace.Port{{Name: "main"}}}
	for _, outcome := range outcomes {
		description.Ports = append(description.Ports, millrace.Port{
			Name: string(outcome),
			Adds: []millrace.Field{
				{Name: "rule", Type: millrace.Utf8},
				{Name: "reason", Type: millrace.Utf8},
			},
		})
	}
	return description, nil
}

// Process asks one rule after the other about the rows that are still open.
func (p *FraudRules) Process(batch *millrace.Batch, out *millrace.Output) error {
	rows := batch.Rows()
	// The number of the rule that matches a row, counted from 1.
	verdicts := make([]uint32, rows)
	open := make([]uint32, rows)
	for row := range open {
		open[row] = uint32(row)
	}
	matching := make([]uint32, rows)
	for _, outcome := range outcomes {
		for at, rule := range p.rules {
			if rule.Outcome != outcome {
				continue
			}
			matching = append(matching[:0], open...)
			matched, err := rule.keepMatching(batch, matching)
			if err != nil {
				return err
			}
			if len(matched) == 0 {
				continue
			}
			for _, row := range matched {
				verdicts[row] = uint32(at) + 1
			}
			kept := 0
			for _, row := range open {
				if verdicts[row] == 0 {
					open[kept] = row
					kept++
				}
			}
			open = open[:kept]
		}
	}
	if len(open) == rows {
		out.All("main")
		return nil
	}
	out.Some("main", open)
	for _, outcome := range outcomes {
		p.emit(outcome, verdicts, out)
	}
	return nil
}

// emit sends the rows with this outcome to its port.
func (p *FraudRules) emit(outcome Outcome, verdicts []uint32, out *millrace.Output) {
	var found []uint32
	var names, reasons millrace.TextBuilder
	for row, verdict := range verdicts {
		if verdict == 0 {
			continue
		}
		if rule := p.rules[verdict-1]; rule.Outcome == outcome {
			found = append(found, uint32(row))
			names.Append(rule.Name)
			reasons.Append(rule.Reason)
		}
	}
	out.Some(string(outcome), found, names.Finish(), reasons.Finish())
}
