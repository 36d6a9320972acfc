package main

// This file defines what the stand-in for a gateway does.

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/stepworks/stepworks/shared/bus"
	"github.com/stepworks/stepworks/shared/contract"
	"github.com/stepworks/stepworks/shared/failure"
	"github.com/stepworks/stepworks/shared/feed"
	"github.com/stepworks/stepworks/shared/money"
	"github.com/stepworks/stepworks/shared/payment"
)

type handler struct {
	gateway payment.Simulator
	bus     bus.Publisher
}

func (h handler) handle(ctx context.Context, batch feed.Batch) (feed.Response, error) {
	return feed.Queue(ctx, batch, func(ctx context.Context, m feed.Message) error {
		var r payment.Request
		if err := json.Unmarshal([]byte(m.Body), &r); err != nil {
			return failure.Wrap(failure.InputMalformed, err, "a payment request is JSON with orderId, customerId, amount and currency")
		}
		amount, err := money.Parse(r.Amount.String(), r.Currency)
		if err != nil || r.OrderID == "" || amount.Minor <= 0 {
			return failure.New(failure.InputMalformed, "a payment request names an order and an amount above zero in its currency")
		}
		return h.charge(ctx, r, amount)
	})
}

// charge says that it is at it, decides, and calls back.
func (h handler) charge(ctx context.Context, r payment.Request, amount money.Amount) error {
	if h.gateway.Loses(r.OrderID) {
		slog.WarnContext(ctx, "request lost", "orderId", r.OrderID)
		return nil
	}
	if err := h.callBack(ctx, r.OrderID, contract.GatewayResult{Status: "processing"}); err != nil {
		return err
	}
	receipt, err := h.gateway.Charge(ctx, payment.Charge{OrderID: r.OrderID, CustomerID: r.CustomerID, Amount: amount})
	if err != nil {
		return err
	}
	result := contract.GatewayResult{Status: "failed", Error: receipt.Reason}
	if receipt.Approved {
		result = contract.GatewayResult{Status: contract.StatusSuccess, PaymentID: receipt.PaymentID, TransactionID: receipt.TransactionID}
	}
	slog.InfoContext(ctx, "request decided", "orderId", r.OrderID, "status", result.Status)
	return h.callBack(ctx, r.OrderID, result)
}

func (h handler) callBack(ctx context.Context, id string, result contract.GatewayResult) error {
	return h.bus.Put(ctx, bus.Event{Source: contract.SourceGateway, DetailType: contract.PaymentResult, Detail: contract.PaymentResultDetail{OrderID: id, Result: result}})
}
