// Command activityworker packs parcels: it serves OrderActivity, the one task of
// ServiceIntegrations that no Lambda function does, because people, scales and
// printers take longer than a function may.
//
//	activityworker --activity ARN --workers 4
//
// It polls AWS, or whatever AWS_ENDPOINT_URL names, with the credentials that the
// environment or a profile gives; the role ActivityWorkerRole of template.yaml
// grants what it needs. SIGINT or SIGTERM stops it gracefully: see package
// activity. It keeps no state, so any number may run. Start at pack.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/stepworks/stepworks/shared/activity"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "activityworker:", err)
		os.Exit(1)
	}
}

// pollTime is more than the minute for which Step Functions keeps a poll open.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetActivityTask.html
const pollTime = 65 * time.Second

func run(ctx context.Context, args []string, out io.Writer) error {
	w := activity.Worker{Log: slog.New(slog.NewJSONHandler(out, nil))}
	bench := packer{}
	if err := parse(args, out, &w, &bench); err != nil {
		return err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	cfg.HTTPClient = &http.Client{Timeout: pollTime}
	w.API, w.Handle = sfn.NewFromConfig(cfg), bench.pack
	w.Log.Info("polling", "activity", w.Activity, "workers", w.Concurrency)
	defer w.Log.Info("stopped")
	return w.Run(ctx)
}

// parse reads the flags.
func parse(args []string, out io.Writer, w *activity.Worker, p *packer) error {
	host, _ := os.Hostname() // a name is only for people
	flags := flag.NewFlagSet("activityworker", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&w.Activity, "activity", os.Getenv("ACTIVITY_ARN"), "the activity's `ARN`; the stack's output OrderActivityArn (default $ACTIVITY_ARN)")
	flags.StringVar(&w.Name, "name", host, "this worker's `name` in histories")
	flags.IntVar(&w.Concurrency, "workers", 4, "how many tasks to work at, at once")
	flags.DurationVar(&w.Heartbeat, "heartbeat", 15*time.Second, "the time between heartbeats; the workflow waits a minute for one")
	flags.DurationVar(&w.Grace, "grace", 20*time.Second, "how long tasks may go on when the worker is stopped")
	flags.DurationVar(&p.perPiece, "per-piece", time.Second, "how long packing a piece takes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("%q is not understood: there are flags only, see --help", flags.Arg(0))
	case !strings.HasPrefix(w.Activity, "arn:") || !strings.Contains(w.Activity, ":activity:"):
		return fmt.Errorf("--activity must be the ARN of an activity, not %q", w.Activity)
	case p.perPiece < 0:
		return fmt.Errorf("--per-piece must not be negative")
	}
	return nil
}
