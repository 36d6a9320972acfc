package asl

// This file defines which resources a Task can name: functions, activities, and
// the optimized integrations of AWS with the patterns each supports.
// https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html

import (
	"regexp"
	"slices"
	"strings"
)

// The sets of patterns that integrations come in.
var (
	plain     = []Pattern{RequestResponse}
	job       = []Pattern{RequestResponse, RunJob}
	callback  = []Pattern{RequestResponse, WaitForTaskToken}
	jobOrCall = []Pattern{RequestResponse, RunJob, WaitForTaskToken}
	nestedRun = []Pattern{RequestResponse, RunJob, RunJob2, WaitForTaskToken}
)

// integrations are the optimized ones: service, action, patterns.
var integrations = map[string]map[string][]Pattern{
	"apigateway": {"invoke": callback},
	"athena":     {"startQueryExecution": job, "stopQueryExecution": plain, "getQueryExecution": plain, "getQueryResults": plain},
	"batch":      {"submitJob": job},
	"bedrock":    {"invokeModel": callback, "createModelCustomizationJob": job},
	"codebuild": {"startBuild": job, "stopBuild": plain, "batchDeleteBuilds": plain, "batchGetReports": plain, "startBuildBatch": job,
		"stopBuildBatch": plain, "retryBuildBatch": job, "deleteBuildBatch": plain},
	"databrew": {"startJobRun": job},
	"dynamodb": {"getItem": plain, "putItem": plain, "deleteItem": plain, "updateItem": plain},
	"ecs":      {"runTask": jobOrCall},
	"eks": {"createCluster": job, "deleteCluster": job, "createNodegroup": job, "deleteNodegroup": job, "createFargateProfile": job,
		"deleteFargateProfile": job, "call": plain, "runJob": job},
	"elasticmapreduce": {"createCluster": job, "setClusterTerminationProtection": plain, "terminateCluster": job, "addStep": job,
		"cancelStep": plain, "modifyInstanceFleetByName": plain, "modifyInstanceGroupByName": plain},
	"emr-containers": {"createVirtualCluster": plain, "deleteVirtualCluster": job, "startJobRun": job},
	"emr-serverless": {"createApplication": job, "startApplication": job, "stopApplication": job, "deleteApplication": job,
		"startJobRun": job, "cancelJobRun": job},
	"events":       {"putEvents": callback},
	"glue":         {"startJobRun": job},
	"http":         {"invoke": plain},
	"lambda":       {"invoke": callback},
	"mediaconvert": {"createJob": job},
	"sagemaker": {"createEndpoint": plain, "createEndpointConfig": plain, "createHyperParameterTuningJob": job, "createLabelingJob": job,
		"createModel": plain, "createProcessingJob": job, "createTrainingJob": job, "createTransformJob": job, "updateEndpoint": plain},
	"sns":    {"publish": callback},
	"sqs":    {"sendMessage": callback},
	"states": {"startExecution": nestedRun},
}

// readers and writers are the resources of ItemReader and ResultWriter.
var (
	readers = map[string][]Pattern{"getObject": plain, "listObjectsV2": plain}
	writers = map[string][]Pattern{"putObject": plain}
)

var (
	functionARN = regexp.MustCompile(`^arn:[a-z-]+:lambda:[a-z0-9-]*:\d*:function:[^:]+(:[^:]+)?$`)
	activityARN = regexp.MustCompile(`^arn:[a-z-]+:states:[a-z0-9-]+:\d+:activity:[^:]+$`)
	serviceARN  = regexp.MustCompile(`^arn:[a-z-]+:states:[a-z0-9-]*:\d*:([a-z0-9-]+):([A-Za-z0-9]+)((?:\.[a-zA-Z]+(?::2)?)?)$`)
	sdkARN      = regexp.MustCompile(`^arn:[a-z-]+:states:[a-z0-9-]*:\d*:aws-sdk:([a-z0-9]+):([a-z][A-Za-z0-9]*)((?:\.[a-zA-Z]+(?::2)?)?)$`)
)

// parseResource takes the Resource of a state apart; ok is false when it names
// nothing that a Task could do. Whether a service of an SDK integration exists
// is for the driver to say.
func parseResource(arn string, in object) (r Resource, ok bool) {
	r.ARN = arn
	switch {
	case in != inTask:
	case functionARN.MatchString(arn):
		r.Kind = Lambda
		return r, true
	case activityARN.MatchString(arn):
		r.Kind = Activity
		return r, true
	}
	if m := sdkARN.FindStringSubmatch(arn); m != nil && in == inTask {
		r.Kind, r.Service, r.Action = SDK, m[1], m[2]
		r.Pattern = Pattern(strings.TrimPrefix(m[3], "."))
		return r, slices.Contains(callback, r.Pattern)
	}
	m := serviceARN.FindStringSubmatch(arn)
	if m == nil {
		return r, false
	}
	r.Kind, r.Service, r.Action = Service, m[1], m[2]
	r.Pattern = Pattern(strings.TrimPrefix(m[3], "."))
	return r, slices.Contains(patternsOf(r, in), r.Pattern)
}

func patternsOf(r Resource, in object) []Pattern {
	switch {
	case in == inReader && r.Service == "s3":
		return readers[r.Action]
	case in == inWriter && r.Service == "s3":
		return writers[r.Action]
	case in == inTask:
		return integrations[r.Service][r.Action]
	}
	return nil
}
