package main

// This file defines what the requestPayment step does.

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/stepworks/stepworks/shared/callback"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/order"
	"github.com/stepworks/stepworks/shared/payment"
)

// Input is what the step takes.
type Input struct {
	order.Step
	TaskToken string `json:"taskToken"` // a secret: whoever has it can say that the order is paid
}

// Result is for people who invoke by hand.
type Result struct {
	StatusCode int    `json:"statusCode"`
	Message    string `json:"message"`
	OrderID    string `json:"orderId"`
}

// queue is the part of the SQS client that the step uses.
type queue interface {
	SendMessage(context.Context, *sqs.SendMessageInput, ...func(*sqs.Options)) (*sqs.SendMessageOutput, error)
}

type handler struct {
	book  order.Book
	desk  callback.Desk
	queue queue
	url   string
}

func (h handler) handle(ctx context.Context, in Input) (Result, error) {
	id, err := in.ID()
	if err != nil {
		return Result{}, err
	}
	if in.TaskToken == "" || in.Execution.Time.IsZero() {
		return Result{}, failure.New(failure.InputMalformed, "taskToken and execution.time are needed: a workflow waits for the gateway")
	}
	record, err := h.book.Load(ctx, id)
	if err != nil {
		return Result{}, err
	}
	if err := record.OpenFor(in.Execution); err != nil {
		return Result{}, err
	}
	total, err := record.Total()
	if err != nil {
		return Result{}, err
	}
	request := payment.Request{OrderID: id, CustomerID: record.CustomerID, Amount: json.Number(total.String()), Currency: total.Currency}
	row, err := h.desk.Open(ctx, callback.Question{OrderID: id, Token: in.TaskToken, ExecutionID: in.Execution.ID, Request: request, At: in.Execution.Time})
	if err != nil {
		return Result{}, err
	}
	if row.Settled() {
		slog.InfoContext(ctx, "the gateway had called back before", "orderId", id, "status", row.Status)
		return Result{200, "The external process has answered before", id}, nil
	}
	body, err := json.Marshal(request)
	if err != nil {
		return Result{}, err
	}
	if _, err := h.queue.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &h.url, MessageBody: aws.String(string(body))}); err != nil {
		return Result{}, err
	}
	slog.InfoContext(ctx, "payment requested", "orderId", id)
	return Result{200, "External process initiated", id}, nil
}
