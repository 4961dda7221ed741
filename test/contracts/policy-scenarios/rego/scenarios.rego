# Compiled by OPA 0.55.0, in this folder:
#   opa build -t wasm -e chaperone/permit -o scenarios.tar.gz scenarios.rego data.json
package chaperone

import future.keywords.if
import future.keywords.in

default permit := false

permit if {
	working_hours
	approved_vendor
}

permit if {
	working_hours
	listed_mail
}

approved_vendor if {
	input.resource.id == "vendors/approve"
	args := input.context.arguments
	args.vendor_class == "B"

	# Rego orders values of different types: "5" is more than any number.
	is_number(args.amount)
	args.amount <= 5000
}

listed_mail if {
	input.resource.id == "mail/send"

	# Without labels this is undefined; `not` alone would be true.
	is_array(input.context.labels)
	not "untrusted" in input.context.labels
	parts := split(input.context.arguments.to, "@")
	count(parts) == 2
	parts[0] != ""
	parts[1] in data.partners
}

working_hours if {
	local := input.context.local
	local.weekday in ["Mon", "Tue", "Wed", "Thu", "Fri"]
	local.hour >= 9
	local.hour < 17
}
