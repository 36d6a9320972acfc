package template

// This file defines what SAM makes of a function's DeploymentPreference.

func (w *functionWork) deploysGradually(preference *Node) bool { return true }

func (w *functionWork) deploy(alias *Resource) {
	if n := w.p.Get("DeploymentPreference"); n != nil {
		w.faults.add(n.At, w.path+".DeploymentPreference", "gradual deployment is not supported")
	}
}
