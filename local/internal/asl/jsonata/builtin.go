package jsonata

// This file defines the table of built-in functions.
// https://docs.jsonata.org/string-functions and its neighbours

// builtins are the functions of the language, without $eval.
var builtins map[string]*function

type native = func(r *run, args []any) (any, error)

func init() {
	table := map[string]struct {
		signature string
		call      native
	}{
		"sum": {"<a<n>:n>", aggregate(sum)}, "max": {"<a<n>:n>", aggregate(highest)}, "min": {"<a<n>:n>", aggregate(lowest)},
		"average": {"<a<n>:n>", aggregate(average)}, "count": {"<a:n>", count},
		"string": {"<x-b?:s>", toString}, "substring": {"<s-nn?:s>", substring}, "substringBefore": {"<s-s:s>", substringBefore},
		"substringAfter": {"<s-s:s>", substringAfter}, "lowercase": {"<s-:s>", text(lower)}, "uppercase": {"<s-:s>", text(upper)},
		"length": {"<s-:n>", length}, "trim": {"<s-:s>", text(trim)}, "pad": {"<s-ns?:s>", pad},
		"match": {"<s-f<s:o>n?:a<o>>", match}, "contains": {"<s-(sf):b>", contains}, "replace": {"<s-(sf)(sf)n?:s>", replace},
		"split": {"<s-(sf)n?:a<s>>", split}, "join": {"<a<s>s?:s>", joinText},
		"formatNumber": {"<n-so?:s>", formatPicture}, "formatBase": {"<n-n?:s>", formatBase}, "formatInteger": {"<n-s:s>", formatInteger},
		"parseInteger": {"<s-s:n>", parseInteger}, "number": {"<(nsb)-:n>", toNumber},
		"floor": {"<n-:n>", numeric(floor)}, "ceil": {"<n-:n>", numeric(ceil)}, "round": {"<n-n?:n>", round}, "abs": {"<n-:n>", numeric(abs)},
		"sqrt": {"<n-:n>", sqrt}, "power": {"<n-n:n>", power}, "random": {"<:n>", random},
		"boolean": {"<x-:b>", toBoolean}, "not": {"<x-:b>", not},
		"map": {"<af>", mapItems}, "zip": {"<a+>", zip}, "filter": {"<af>", filterItems}, "single": {"<af?>", single},
		"reduce": {"<afj?:j>", reduce}, "sift": {"<o-f?:o>", sift}, "keys": {"<x-:a<s>>", keys}, "lookup": {"<x-s:x>", lookup},
		"append": {"<xx:a>", appendItems}, "exists": {"<x:b>", exists}, "spread": {"<x-:a<o>>", spread}, "merge": {"<a<o>:o>", merge},
		"reverse": {"<a:a>", reverse}, "each": {"<o-f:a>", each}, "error": {"<s?:x>", raise}, "assert": {"<bs?:x>", assert},
		"type": {"<x:s>", typeOf}, "sort": {"<af?:a>", sortItems}, "shuffle": {"<a:a>", shuffle}, "distinct": {"<x:x>", distinct},
		"base64encode": {"<s-:s>", text(base64encode)}, "base64decode": {"<s-:s>", base64decode},
		"encodeUrlComponent": {"<s-:s>", encodeURL("encodeUrlComponent", "")}, "encodeUrl": {"<s-:s>", encodeURL("encodeUrl", urlReserved)},
		"decodeUrlComponent": {"<s-:s>", decodeURL("decodeUrlComponent", "")}, "decodeUrl": {"<s-:s>", decodeURL("decodeUrl", urlReserved)},
		"toMillis": {"<s-s?:n>", toMillis}, "fromMillis": {"<n-s?s?:s>", fromMillis}, "clone": {"<(oa)-:o>", clone},
		"now": {"<s?s?:s>", now}, "millis": {"<:n>", millis},
	}
	builtins = make(map[string]*function, len(table))
	for name, row := range table {
		sig := mustSignature(row.signature)
		builtins[name] = &function{name: name, sig: sig, arity: len(sig.params), native: row.call}
	}
	// As callbacks these do not take the position that their second parameter
	// would be given.
	builtins["string"].arity, builtins["zip"].arity = 1, 0
}
