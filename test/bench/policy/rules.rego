# The rules of the bench. Their numbers and words are data, `data.rules[tool][kind]`: what a tool has no rule of is undefined
# at the first line of its rule. Compiled by OPA 0.55.0:
#   opa build -t wasm -e bench/verdict -o rules.tar.gz rules.rego
package bench

import future.keywords.contains
import future.keywords.every
import future.keywords.if
import future.keywords.in

default verdict := "deny"

verdict := "permit" if {
	data.rules[input.tool]
	count(matching) == 0
}

matching contains "night" if {
	data.rules[input.tool].night
	not within(6, 6, 22)
}

matching contains "leak" if {
	data.rules[input.tool].leak
	"untrusted" in input.labels
	"confidential" in input.labels
}

matching contains "risk" if {
	data.rules[input.tool].risk
	input.risk == "high"
}

matching contains "personal" if {
	data.rules[input.tool].personal
	input.personal
	input.environment != "prod"
}

matching contains "limit" if input.args.amount > data.rules[input.tool].limit.limit

matching contains "administration" if input.args.amount > data.rules[input.tool].administration.limit

matching contains "agent" if input.agent != data.rules[input.tool].agent.agent

matching contains "class" if {
	rule := data.rules[input.tool]["class"]
	not input.args.vendor_class in rule.classes
}

matching contains "amount" if {
	rule := data.rules[input.tool].amount
	not input.args.amount <= rule.limit
}

matching contains "partners" if {
	rule := data.rules[input.tool].partners
	not addressed(rule.domains)
}

matching contains "untrusted" if {
	data.rules[input.tool].untrusted
	"untrusted" in input.labels
}

matching contains "body" if {
	rule := data.rules[input.tool].body
	not count(input.args.body) <= rule.longest
}

matching contains "path" if {
	rule := data.rules[input.tool].path
	not reported(rule.under)
}

matching contains "bytes" if {
	rule := data.rules[input.tool].bytes
	not input.bytes <= rule.most
}

matching contains "region" if {
	rule := data.rules[input.tool].region
	not input.args.region in rule.regions
}

matching contains "word" if contains(input.args.note, data.rules[input.tool].word.word)

matching contains "hours" if {
	rule := data.rules[input.tool].hours
	not within(rule.days, rule.from, rule.to)
}

within(days, from, to) if {
	input.weekday >= 1
	input.weekday <= days
	input.minute >= from * 60
	input.minute < to * 60
}

addressed(domains) if {
	count(input.domains) >= 1
	count(input.domains) <= 5
	every domain in input.domains {
		domain in domains
	}
}

reported(under) if {
	startswith(input.path, concat("", [under, "/"]))
	some ending in [".md", ".csv"]
	endswith(input.path, ending)
}
