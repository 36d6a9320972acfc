package stack

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/stepfunctions"
)

type credentialsOf string

func (c credentialsOf) Call(context.Context, awswire.Identity, string, string, jsonvalue.Value) (jsonvalue.Value, error) {
	return jsonvalue.Parse([]byte(c))
}

type refused struct{}

func (refused) Call(context.Context, awswire.Identity, string, string, jsonvalue.Value) (jsonvalue.Value, error) {
	return nil, awswire.Errorf("AccessDeniedException", "no")
}

func onlyPosts(_ context.Context, _ awswire.Identity, a awswire.Access) error {
	if a.Context["states:HTTPMethod"][0] != "POST" {
		return errors.New("no")
	}
	return nil
}

func TestHTTPTasksCarryTheConnectionAndFollowRoutes(t *testing.T) {
	var got *http.Request
	stub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte(`{"ok":true}`))
	}))
	defer stub.Close()
	to, err := parseRoutes(map[string]string{"api.partner.example": stub.URL})
	if err != nil {
		t.Fatal(err)
	}
	h := &httpTasks{caller: credentialsOf(`{"HeaderParameters":[{"Key":"X-Api-Key","Value":"k"}],"QueryStringParameters":[{"Key":"tenant","Value":"t"}]}`), client: http.Client{Transport: to}, allow: onlyPosts}
	out, err := h.InvokeHTTP(t.Context(), awswire.Root("1"), stepfunctions.HTTPRequest{ConnectionARN: "c", Method: "POST", URL: "https://api.partner.example/orders?a=1", Header: http.Header{"X-Own": {"o"}}, Body: []byte("b")})
	if err != nil || out.StatusCode != http.StatusAccepted || string(out.Body) != `{"ok":true}` {
		t.Errorf("%+v %v", out, err)
	}
	if got.Header.Get("X-Api-Key") != "k" || got.Header.Get("X-Own") != "o" || got.URL.RequestURI() != "/orders?a=1&tenant=t" {
		t.Errorf("%s %v", got.URL, got.Header)
	}
	_, err = h.InvokeHTTP(t.Context(), awswire.Root("1"), stepfunctions.HTTPRequest{MachineARN: "m", Endpoint: "https://api.partner.example/orders", Method: "GET"})
	if r := (*stepfunctions.HTTPRefusal)(nil); !errors.As(err, &r) || r.Name != "States.Http.AccessDenied" || !strings.Contains(r.Cause, "on API Endpoint https://api.partner.example/orders.") {
		t.Errorf("a call that is not allowed: %v", err)
	}
	h.caller = refused{}
	_, err = h.InvokeHTTP(t.Context(), awswire.Root("1"), stepfunctions.HTTPRequest{Method: "POST"})
	if r := (*stepfunctions.HTTPRefusal)(nil); !errors.As(err, &r) || r.Name != "Events.ConnectionResource.AccessDenied" {
		t.Errorf("a secret that is not allowed: %v", err)
	}
	if _, err := parseRoutes(map[string]string{"h": "nowhere"}); err == nil {
		t.Error("a route to nowhere was taken")
	}
}
