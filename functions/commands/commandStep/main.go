// Command commandStep does what the states of the command-handler machine are
// for: one function, a handler for each state.
//
// In: [Input], the machine's context, the state's input and, where the state
// waits, its task token. Out: the state's answer. Start at handler.go and at
// shared/command, where the handlers are.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/stepworks/stepworks/shared/awsconf"
	"github.com/stepworks/stepworks/shared/command"
	"github.com/stepworks/stepworks/shared/notify"
	"github.com/stepworks/stepworks/shared/step"
)

func main() { step.Start(wire) }

func wire() (step.Handler[Input, any], error) {
	cfg, err := awsconf.Load()
	if err != nil {
		return nil, err
	}
	env, err := awsconf.Env("COMMANDS_TABLE", "DATA_TABLE", "HISTORY_TABLE", "MASTER_TABLE", "MAIN_TOPIC_ARN", "ALARM_TOPIC_ARN")
	if err != nil {
		return nil, err
	}
	topics := sns.NewFromConfig(cfg)
	return handler{command.Flow{
		Ledger: command.Ledger{
			API: dynamodb.NewFromConfig(cfg), Commands: env["COMMANDS_TABLE"], Data: env["DATA_TABLE"], History: env["HISTORY_TABLE"], Master: env["MASTER_TABLE"],
		},
		Tokens: sfn.NewFromConfig(cfg),
		Status: notify.Topic{API: topics, ARN: env["MAIN_TOPIC_ARN"]},
		Alarm:  notify.Topic{API: topics, ARN: env["ALARM_TOPIC_ARN"]},
	}}.handle, nil
}
