package sandbox

// This file defines the environment variables of a function's process: those of
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
// and nothing of the developer's but what a process cannot do without.

import (
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// variables returns the process's environment. Later sources win: the system's,
// the function's own, Lambda's reserved ones.
func (e *environment) variables(creds Credentials, root, home string) []string {
	vars := map[string]string{}
	for _, name := range inherited[runtime.GOOS] {
		if v, ok := os.LookupEnv(name); ok {
			vars[name] = v
		}
	}
	maps.Copy(vars, map[string]string{
		"PATH": os.Getenv("PATH"), "LANG": "en_US.UTF-8", "TZ": ":UTC",
		// On AWS /tmp is the environment's own; here this directory is.
		"HOME": home, "TMPDIR": home, "TMP": home, "TEMP": home, "PWD": root,
	})
	if e.m.Endpoint != nil {
		vars["AWS_ENDPOINT_URL"] = e.m.Endpoint()
	}
	maps.Copy(vars, e.m.Config.Variables)
	maps.Copy(vars, e.spec.Variables)
	maps.Copy(vars, e.reserved(creds, root))
	list := make([]string, 0, len(vars))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		list = append(list, name+"="+vars[name])
	}
	return list
}

// inherited are the variables without which processes of a system do not work.
var inherited = map[string][]string{
	"windows": {"SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT"},
	"darwin":  {"__CF_USER_TEXT_ENCODING"},
}

func (e *environment) reserved(creds Credentials, root string) map[string]string {
	s := e.spec
	vars := map[string]string{
		"_HANDLER":                        s.Handler,
		"AWS_ACCESS_KEY_ID":               creds.AccessKeyID,
		"AWS_DEFAULT_REGION":              e.m.Region,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(s.MemoryMB),
		"AWS_LAMBDA_FUNCTION_NAME":        s.Function,
		"AWS_LAMBDA_FUNCTION_VERSION":     s.Version,
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_FORMAT":           "Text",
		"AWS_LAMBDA_LOG_GROUP_NAME":       s.LogGroup,
		"AWS_LAMBDA_LOG_STREAM_NAME":      e.stream,
		"AWS_LAMBDA_RUNTIME_API":          strings.Join([]string{e.m.listener.Addr().String(), e.m.token, e.id}, "/"),
		"AWS_REGION":                      e.m.Region,
		"AWS_SECRET_ACCESS_KEY":           creds.SecretAccessKey,
		"AWS_SESSION_TOKEN":               creds.SessionToken,
		"AWS_XRAY_CONTEXT_MISSING":        "LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS":         "127.0.0.1:2000", // on AWS a link-local address: nothing may leave this machine
		"LAMBDA_TASK_ROOT":                root,
	}
	if s.JSONLogs {
		vars["AWS_LAMBDA_LOG_FORMAT"], vars["AWS_LAMBDA_LOG_LEVEL"] = "JSON", s.ApplicationLevel
	}
	if s.ExecutionEnv != "" {
		vars["AWS_EXECUTION_ENV"] = s.ExecutionEnv
	}
	return vars
}
