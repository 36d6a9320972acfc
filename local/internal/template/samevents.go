package template

// This file defines what SAM makes of event sources.

func (w *functionWork) events() { noEvents(w.expansion, w.p, w.path) }

func (w *machineWork) events() { noEvents(w.expansion, w.p, w.path) }

func noEvents(x *expansion, p *Node, path string) {
	if n := p.Get("Events"); n != nil {
		x.faults.add(n.At, path+".Events", "event sources are not supported; declare the rule, schedule or mapping itself")
	}
}
