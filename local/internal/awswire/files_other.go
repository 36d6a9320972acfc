//go:build !unix

package awswire

// This file defines what is known of open files elsewhere: nothing.

func openFiles() (n uint64, known bool) { return 0, false }
