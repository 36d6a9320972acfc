package stepfunctions

// This file defines the table of operations, and what a caller must be allowed
// to do for each.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html

import (
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// API lists the operations.
func (s *Service) API() awswire.Service {
	return awswire.Service{
		Name: "states", Protocol: awswire.JSON10, Target: "AWSStepFunctions", Namespace: "com.amazonaws.swf.service.v2.model",
		Operations: append(append(s.machineOperations(), s.executionOperations()...), s.taskOperations()...),
	}
}

// on allows an action on one resource, qualified machines by their own ARN.
func on(action, arn string) []awswire.Access {
	access := awswire.Access{Action: "states:" + action, Resource: arn}
	if r, err := parseARN(arn, kindMachine); err == nil && r.rest != "" {
		access.Resource = strings.TrimSuffix(arn, ":"+r.rest)
		access.Context = map[string][]string{"states:StateMachineQualifier": {r.rest}}
	}
	return []awswire.Access{access}
}

// passing adds the permission to hand a role to this service.
func passing(access []awswire.Access, role string) []awswire.Access {
	if role == "" {
		return access
	}
	return append(access, awswire.Access{Action: "iam:PassRole", Resource: role, Context: map[string][]string{"iam:PassedToService": {"states.amazonaws.com"}}})
}

func (s *Service) machineOperations() []awswire.Operation {
	return []awswire.Operation{
		awswire.Op("CreateStateMachine", func(in *createMachineInput) []awswire.Access {
			return passing(on("CreateStateMachine", s.arn(kindMachine, in.Name)), in.RoleArn)
		}, s.createMachine),
		awswire.Op("UpdateStateMachine", func(in *updateMachineInput) []awswire.Access {
			role := ""
			if in.RoleArn != nil {
				role = *in.RoleArn
			}
			return passing(on("UpdateStateMachine", in.StateMachineArn), role)
		}, s.updateMachine),
		awswire.Op("DeleteStateMachine", func(in *machineARNInput) []awswire.Access {
			return on("DeleteStateMachine", in.StateMachineArn)
		}, s.deleteMachine),
		awswire.Op("DescribeStateMachine", func(in *describeMachineInput) []awswire.Access {
			return on("DescribeStateMachine", in.StateMachineArn)
		}, s.describeMachine),
		awswire.Op("ListStateMachines", func(*listMachinesInput) []awswire.Access {
			return on("ListStateMachines", "*")
		}, s.listMachines),
		awswire.Op("ValidateStateMachineDefinition", func(*validateInput) []awswire.Access {
			return on("ValidateStateMachineDefinition", "*")
		}, s.validate),
		awswire.Op("TestState", func(in *testStateInput) []awswire.Access {
			return passing(on("TestState", "*"), in.RoleArn)
		}, s.testState),
		awswire.Op("PublishStateMachineVersion", func(in *publishInput) []awswire.Access {
			return on("PublishStateMachineVersion", in.StateMachineArn)
		}, s.publishVersion),
		awswire.Op("DeleteStateMachineVersion", func(in *versionARNInput) []awswire.Access {
			return on("DeleteStateMachineVersion", in.StateMachineVersionArn)
		}, s.deleteVersion),
		awswire.Op("ListStateMachineVersions", func(in *listVersionsInput) []awswire.Access {
			return on("ListStateMachineVersions", in.StateMachineArn)
		}, s.listVersions),
		awswire.Op("CreateStateMachineAlias", func(in *createAliasInput) []awswire.Access {
			return on("CreateStateMachineAlias", in.RoutingConfiguration[0].StateMachineVersionArn)
		}, s.createAlias),
		awswire.Op("UpdateStateMachineAlias", func(in *updateAliasInput) []awswire.Access {
			return on("UpdateStateMachineAlias", in.StateMachineAliasArn)
		}, s.updateAlias),
		awswire.Op("DescribeStateMachineAlias", func(in *aliasARNInput) []awswire.Access {
			return on("DescribeStateMachineAlias", in.StateMachineAliasArn)
		}, s.describeAlias),
		awswire.Op("DeleteStateMachineAlias", func(in *aliasARNInput) []awswire.Access {
			return on("DeleteStateMachineAlias", in.StateMachineAliasArn)
		}, s.deleteAlias),
		awswire.Op("ListStateMachineAliases", func(in *listAliasesInput) []awswire.Access {
			return on("ListStateMachineAliases", in.StateMachineArn)
		}, s.listAliases),
		awswire.Op("TagResource", func(in *tagInput) []awswire.Access { return on("TagResource", in.ResourceArn) }, s.tagResource),
		awswire.Op("UntagResource", func(in *untagInput) []awswire.Access { return on("UntagResource", in.ResourceArn) }, s.untagResource),
		awswire.Op("ListTagsForResource", func(in *listTagsInput) []awswire.Access {
			return on("ListTagsForResource", in.ResourceArn)
		}, s.listTags),
	}
}

func (s *Service) executionOperations() []awswire.Operation {
	return []awswire.Operation{
		awswire.Op("StartExecution", func(in *startExecutionInput) []awswire.Access {
			return on("StartExecution", in.StateMachineArn)
		}, s.startExecution),
		awswire.Op("StartSyncExecution", func(in *startSyncInput) []awswire.Access {
			return on("StartSyncExecution", in.StateMachineArn)
		}, s.startSync),
		awswire.Op("DescribeExecution", func(in *describeExecutionInput) []awswire.Access {
			return on("DescribeExecution", in.ExecutionArn)
		}, s.describeExecution),
		awswire.Op("DescribeStateMachineForExecution", func(in *describeForExecutionInput) []awswire.Access {
			return on("DescribeStateMachineForExecution", in.ExecutionArn)
		}, s.describeForExecution),
		awswire.Op("ListExecutions", func(in *listExecutionsInput) []awswire.Access {
			if in.MapRunArn != "" {
				return on("ListExecutions", in.MapRunArn)
			}
			return on("ListExecutions", in.StateMachineArn)
		}, s.listExecutions),
		awswire.Op("GetExecutionHistory", func(in *historyInput) []awswire.Access {
			return on("GetExecutionHistory", in.ExecutionArn)
		}, s.getHistory),
		awswire.Op("StopExecution", func(in *stopExecutionInput) []awswire.Access {
			return on("StopExecution", in.ExecutionArn)
		}, s.stopExecution),
		awswire.Op("DescribeMapRun", func(in *mapRunInput) []awswire.Access {
			return on("DescribeMapRun", in.MapRunArn)
		}, s.describeMapRun),
		awswire.Op("ListMapRuns", func(in *listMapRunsInput) []awswire.Access {
			return on("ListMapRuns", in.ExecutionArn)
		}, s.listMapRuns),
		awswire.Op("UpdateMapRun", func(in *updateMapRunInput) []awswire.Access {
			return on("UpdateMapRun", in.MapRunArn)
		}, s.updateMapRun),
		awswire.Op("RedriveExecution", func(in *redriveInput) []awswire.Access {
			return on("RedriveExecution", in.ExecutionArn)
		}, s.redriveExecution),
	}
}

func (s *Service) taskOperations() []awswire.Operation {
	return []awswire.Operation{
		awswire.Op("CreateActivity", func(in *createActivityInput) []awswire.Access {
			return on("CreateActivity", s.arn(kindActivity, in.Name))
		}, s.createActivity),
		awswire.Op("DescribeActivity", func(in *activityARNInput) []awswire.Access {
			return on("DescribeActivity", in.ActivityArn)
		}, s.describeActivity),
		awswire.Op("DeleteActivity", func(in *activityARNInput) []awswire.Access {
			return on("DeleteActivity", in.ActivityArn)
		}, s.deleteActivity),
		awswire.Op("ListActivities", func(*listActivitiesInput) []awswire.Access { return on("ListActivities", "*") }, s.listActivities),
		awswire.Op("GetActivityTask", func(in *getActivityTaskInput) []awswire.Access {
			return on("GetActivityTask", in.ActivityArn)
		}, s.getActivityTask),
		awswire.Op("SendTaskSuccess", func(in *taskSuccessInput) []awswire.Access {
			return on("SendTaskSuccess", s.tokenMachine(in.TaskToken))
		}, s.sendTaskSuccess),
		awswire.Op("SendTaskFailure", func(in *taskFailureInput) []awswire.Access {
			return on("SendTaskFailure", s.tokenMachine(in.TaskToken))
		}, s.sendTaskFailure),
		awswire.Op("SendTaskHeartbeat", func(in *taskHeartbeatInput) []awswire.Access {
			return on("SendTaskHeartbeat", s.tokenMachine(in.TaskToken))
		}, s.sendTaskHeartbeat),
	}
}

// tokenMachine is the machine that a token's task belongs to: SAM's policy
// templates scope SendTask to it, while the authorization reference names no
// resource. A policy of either kind is satisfied by it.
func (s *Service) tokenMachine(token string) string {
	arn := "*"
	_ = s.Store.View(func(r store.Reader) error {
		if owner, ok := getJSON[parent](r, bucketToken, tokenHash(token)); ok {
			if rec, ok := loadRecord(r, owner.Execution); ok {
				arn = rec.MachineARN
			}
		}
		return nil
	})
	return arn
}
