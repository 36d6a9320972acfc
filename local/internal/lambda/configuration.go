package lambda

// This file defines a function's configuration: its members on the wire, their
// defaults, and the checks of members together.
// https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// configuration is the answer of many operations, and the stored form.
type configuration struct {
	FunctionName               string                `json:"FunctionName"`
	FunctionArn                string                `json:"FunctionArn"`
	Runtime                    string                `json:"Runtime,omitzero"`
	Role                       string                `json:"Role"`
	Handler                    string                `json:"Handler,omitzero"`
	CodeSize                   int64                 `json:"CodeSize"`
	Description                string                `json:"Description"`
	Timeout                    int                   `json:"Timeout"`
	MemorySize                 int                   `json:"MemorySize"`
	LastModified               string                `json:"LastModified"`
	CodeSha256                 string                `json:"CodeSha256"`
	Version                    string                `json:"Version"`
	DeadLetterConfig           *deadLetterConfig     `json:"DeadLetterConfig,omitzero"`
	Environment                *environment          `json:"Environment,omitzero"`
	KMSKeyArn                  string                `json:"KMSKeyArn,omitzero"`
	TracingConfig              tracingConfig         `json:"TracingConfig"`
	RevisionID                 string                `json:"RevisionId"`
	State                      string                `json:"State,omitzero"`
	StateReason                string                `json:"StateReason,omitzero"`
	StateReasonCode            string                `json:"StateReasonCode,omitzero"`
	LastUpdateStatus           string                `json:"LastUpdateStatus,omitzero"`
	LastUpdateStatusReason     string                `json:"LastUpdateStatusReason,omitzero"`
	LastUpdateStatusReasonCode string                `json:"LastUpdateStatusReasonCode,omitzero"`
	PackageType                string                `json:"PackageType"`
	Architectures              []string              `json:"Architectures"`
	EphemeralStorage           ephemeralStorage      `json:"EphemeralStorage"`
	SnapStart                  snapStart             `json:"SnapStart"`
	RuntimeVersionConfig       *runtimeVersionConfig `json:"RuntimeVersionConfig,omitzero"`
	LoggingConfig              loggingConfig         `json:"LoggingConfig"`
}

type deadLetterConfig struct {
	TargetArn *string `json:"TargetArn,omitzero"`
}

type environment struct {
	Variables map[string]string `json:"Variables"`
}

type tracingConfig struct {
	Mode string `json:"Mode" check:"enum=Active|PassThrough"`
}

type ephemeralStorage struct {
	Size int `json:"Size" check:"min=512,max=10240"`
}

type snapStart struct {
	ApplyOn            string `json:"ApplyOn" check:"enum=PublishedVersions|None"`
	OptimizationStatus string `json:"OptimizationStatus"`
}

type runtimeVersionConfig struct {
	RuntimeVersionArn string `json:"RuntimeVersionArn"`
}

type loggingConfig struct {
	LogFormat           string `json:"LogFormat,omitzero" check:"enum=JSON|Text"`
	ApplicationLogLevel string `json:"ApplicationLogLevel,omitzero" check:"enum=TRACE|DEBUG|INFO|WARN|ERROR|FATAL"`
	SystemLogLevel      string `json:"SystemLogLevel,omitzero" check:"enum=DEBUG|INFO|WARN"`
	LogGroup            string `json:"LogGroup,omitzero" check:"min=1,max=512,pattern=[.\\-_/#A-Za-z0-9]+"`
}

// settings are the members that CreateFunction and UpdateFunctionConfiguration
// both take; nil leaves a setting as it is.
type settings struct {
	Role             *string           `json:"Role" check:"pattern=arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+"`
	Handler          *string           `json:"Handler" check:"max=128,pattern=[^\\s]+"`
	Description      *string           `json:"Description" check:"max=256"`
	Timeout          *int              `json:"Timeout" check:"min=1"`
	MemorySize       *int              `json:"MemorySize" check:"min=128,max=32768"`
	Runtime          *string           `json:"Runtime"`
	Environment      *environment      `json:"Environment"`
	DeadLetterConfig *deadLetterConfig `json:"DeadLetterConfig"`
	TracingConfig    *tracingConfig    `json:"TracingConfig"`
	LoggingConfig    *loggingConfig    `json:"LoggingConfig"`
	EphemeralStorage *ephemeralStorage `json:"EphemeralStorage"`
	SnapStart        *snapStart        `json:"SnapStart"`
	KMSKeyArn        *string           `json:"KMSKeyArn"`

	VpcConfig              jsontext.Value `json:"VpcConfig"`
	Layers                 jsontext.Value `json:"Layers"`
	FileSystemConfigs      jsontext.Value `json:"FileSystemConfigs"`
	ImageConfig            jsontext.Value `json:"ImageConfig"`
	DurableConfig          jsontext.Value `json:"DurableConfig"`
	CapacityProviderConfig jsontext.Value `json:"CapacityProviderConfig"`
	TenancyConfig          jsontext.Value `json:"TenancyConfig"`
	CodeSigningConfigArn   jsontext.Value `json:"CodeSigningConfigArn"`
}

// runtimes are those that AWS takes, in its words, and whether they run here: a
// function here is a program.
const runtimeWords = "[nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2]"

var (
	knownRuntimes    = strings.Split(strings.Trim(runtimeWords, "[]"), ", ")
	runnableRuntimes = []string{"provided.al2023", "provided.al2"}
)

// refused names what is set and cannot be had.
func (in *settings) refused() error {
	for what, v := range map[string]jsontext.Value{
		"VpcConfig": in.VpcConfig, "Layers": in.Layers, "FileSystemConfigs": in.FileSystemConfigs, "ImageConfig": in.ImageConfig,
		"DurableConfig": in.DurableConfig, "CapacityProviderConfig": in.CapacityProviderConfig, "TenancyConfig": in.TenancyConfig,
		"CodeSigningConfigArn": in.CodeSigningConfigArn,
	} {
		switch strings.TrimSpace(string(v)) {
		case "", "null", "[]", "{}", `""`:
		default:
			return unsupported(what)
		}
	}
	if in.SnapStart != nil && in.SnapStart.ApplyOn == "PublishedVersions" {
		return unsupported("SnapStart (nor does AWS, for provided runtimes)")
	}
	return nil
}

// check looks at members that AWS does not check one by one.
func (in *settings) check() error {
	if in.Runtime != nil {
		switch r := *in.Runtime; {
		case !slices.Contains(knownRuntimes, r):
			return invalid("Value %s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: %s or be a valid ARN", r, runtimeWords)
		case !slices.Contains(runnableRuntimes, r):
			return unsupported("the runtime " + r + ": functions run as programs of this machine, with runtime provided.al2023 or provided.al2")
		}
	}
	if in.Timeout != nil && *in.Timeout > 900 {
		return constraint(fmt.Sprint(*in.Timeout), "timeout", "Member must have value less than or equal to 900")
	}
	if in.MemorySize != nil && *in.MemorySize > 10240 {
		return constraint(fmt.Sprint(*in.MemorySize), "memorySize", "Member must have value less than or equal to 10240")
	}
	if in.Environment != nil {
		if err := checkVariables(in.Environment.Variables); err != nil {
			return err
		}
	}
	if l := in.LoggingConfig; l != nil && l.LogFormat != "JSON" && (l.ApplicationLogLevel != "" || l.SystemLogLevel != "") {
		return invalid("To configure log levels, set the log format to JSON.")
	}
	return in.refused()
}

// maxVariables is the size of all environment variables together:
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const maxVariables = 4096

// reservedVariables cannot be set:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
var reservedVariables = []string{"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
	"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
	"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API",
	"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"}

func checkVariables(vars map[string]string) error {
	var taken []string
	for _, key := range slices.Sorted(maps.Keys(vars)) {
		if slices.Contains(reservedVariables, key) {
			taken = append(taken, key)
		}
		if !variableForm(key) {
			return constraint(fmt.Sprintf("{%s=%s}", key, vars[key]), "environment.variables", "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]")
		}
	}
	if len(taken) > 0 {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(taken, ", "))
	}
	text, err := json.Marshal(vars)
	if err == nil && utf8.RuneCount(text) > maxVariables {
		return invalid("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: %s", text)
	}
	return nil
}

func variableForm(key string) bool {
	if len(key) < 2 {
		return false
	}
	for i, c := range key {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return key[0] == '_' && slices.Contains(reservedVariables, key)
		}
	}
	return true
}

// apply puts what is set into c.
func (in *settings) apply(c *configuration) {
	set(&c.Role, in.Role)
	set(&c.Handler, in.Handler)
	set(&c.Description, in.Description)
	set(&c.Timeout, in.Timeout)
	set(&c.MemorySize, in.MemorySize)
	set(&c.Runtime, in.Runtime)
	set(&c.KMSKeyArn, in.KMSKeyArn)
	set(&c.TracingConfig, in.TracingConfig)
	set(&c.EphemeralStorage, in.EphemeralStorage)
	if in.Environment != nil {
		c.Environment = &environment{Variables: in.Environment.Variables}
		if c.Environment.Variables == nil {
			c.Environment.Variables = map[string]string{}
		}
	}
	if d := in.DeadLetterConfig; d != nil && d.TargetArn != nil { // {} leaves it as it is
		c.DeadLetterConfig = d
		if *d.TargetArn == "" {
			c.DeadLetterConfig = nil
		}
	}
	if in.LoggingConfig != nil {
		c.LoggingConfig = in.LoggingConfig.complete(c.FunctionName)
	}
}

func set[T any](place *T, value *T) {
	if value != nil {
		*place = *value
	}
}

func (l loggingConfig) complete(function string) loggingConfig {
	if l.LogFormat == "" {
		l.LogFormat = "Text"
	}
	if l.LogGroup == "" {
		l.LogGroup = defaultLogGroup(function)
	}
	if l.LogFormat == "JSON" {
		if l.ApplicationLogLevel == "" {
			l.ApplicationLogLevel = "INFO"
		}
		if l.SystemLogLevel == "" {
			l.SystemLogLevel = "INFO"
		}
	}
	return l
}

// defaults are the settings of a function that sets nothing.
func (s *Service) defaults(name string) configuration {
	return configuration{
		FunctionName: name, FunctionArn: s.functionARN(name), Version: latest, Timeout: 3, MemorySize: 128, PackageType: "Zip",
		Architectures: []string{"x86_64"}, TracingConfig: tracingConfig{"PassThrough"}, EphemeralStorage: ephemeralStorage{512},
		SnapStart: snapStart{"None", "Off"}, LoggingConfig: loggingConfig{}.complete(name), State: "Active", LastUpdateStatus: "Successful",
		RuntimeVersionConfig: &runtimeVersionConfig{"arn:aws:lambda:" + s.Region + "::runtime:" + strings.Repeat("0", 64)},
	}
}

// timeForm is how Lambda's configurations spell times.
const timeForm = "2006-01-02T15:04:05.000+0000"

func (s *Service) now() string { return s.Clock.Now().UTC().Format(timeForm) }
