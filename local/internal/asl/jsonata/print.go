package jsonata

// This file defines writing an expression anew, from the tree as it was parsed.

import "strings"

func printNode(n *node) string {
	var b strings.Builder
	write(&b, n)
	return b.String()
}

func write(b *strings.Builder, n *node) {
	writeBare(b, n)
	if n.keepArray {
		b.WriteString("[]")
	}
}

func writeBare(b *strings.Builder, n *node) {
	switch n.kind {
	case kConstant:
		b.WriteString(show(n.value))
	case kString:
		b.WriteString(quote(n.text))
	case kName:
		if n.text == "function" || n.text == "λ" || strings.Contains(n.text, "`") {
			b.WriteString(n.text)
		} else {
			b.WriteString("`" + n.text + "`")
		}
	case kVariable:
		b.WriteString("$" + n.text)
	case kRegex:
		b.WriteString(n.text)
	case kWildcard:
		b.WriteString("*")
	case kDescendant:
		b.WriteString("**")
	case kParent:
		b.WriteString("%")
	case kPlaceholder:
		b.WriteString("?")
	case kArray:
		writeAll(b, "[", n.items, ",", "]")
	case kBlock:
		writeAll(b, "(", n.items, ";", ")")
	case kObject:
		writePairs(b, n.pairs)
	default:
		writeCompound(b, n)
	}
}

// operand writes a part that must not fall apart beside an operator. A block
// would open a scope and end a path, so only what needs one gets it.
func operand(b *strings.Builder, n *node) {
	switch n.kind {
	case kCondition, kBinary, kNegate, kBind, kApply, kLambda:
		writeAll(b, "(", []*node{n}, ";", ")")
	default:
		write(b, n)
	}
}

func writeCompound(b *strings.Builder, n *node) {
	switch n.kind {
	case kNegate:
		b.WriteString("-")
		operand(b, n.left)
	case kDot, kBinary, kApply, kRange, kBind:
		operand(b, n.left)
		b.WriteString(infixOf(n))
		operand(b, n.right)
	case kFilter:
		operand(b, n.left)
		writeAll(b, "[", []*node{n.right}, "", "]")
	case kGroup:
		operand(b, n.left)
		writePairs(b, n.pairs)
	case kOrder:
		operand(b, n.left)
		writeTerms(b, n.terms)
	case kFocus, kIndex:
		operand(b, n.left)
		b.WriteString(map[kind]string{kFocus: "@$", kIndex: "#$"}[n.kind] + n.text)
	case kCall, kPartial:
		operand(b, n.left)
		writeAll(b, "(", n.items, ",", ")")
	case kLambda:
		writeAll(b, "function(", n.items, ",", ")"+n.sigTxt)
		writeAll(b, "{", []*node{n.right}, "", "}")
	case kCondition:
		operand(b, n.left)
		b.WriteString(" ? ")
		write(b, n.right)
		if n.other != nil {
			b.WriteString(" : ")
			write(b, n.other)
		}
	case kTransform:
		writeAll(b, "|", []*node{n.left, n.right}, "|", "")
		if n.other != nil {
			writeAll(b, ",", []*node{n.other}, "", "")
		}
		b.WriteString("|")
	}
}

func infixOf(n *node) string {
	switch n.kind {
	case kDot:
		return "."
	case kApply:
		return " ~> "
	case kRange:
		return ".."
	case kBind:
		return " := "
	}
	return " " + n.text + " "
}

func writeAll(b *strings.Builder, open string, items []*node, separator, closer string) {
	b.WriteString(open)
	for i, item := range items {
		if i > 0 {
			b.WriteString(separator)
		}
		write(b, item)
	}
	b.WriteString(closer)
}

func writePairs(b *strings.Builder, pairs []pair) {
	b.WriteString("{")
	for i, p := range pairs {
		if i > 0 {
			b.WriteString(",")
		}
		write(b, p.key)
		b.WriteString(":")
		write(b, p.value)
	}
	b.WriteString("}")
}

func writeTerms(b *strings.Builder, terms []term) {
	for i, t := range terms {
		b.WriteString(map[bool]string{true: "^(", false: ","}[i == 0])
		if t.descending {
			b.WriteString(">")
		}
		write(b, t.by)
	}
	b.WriteString(")")
}
