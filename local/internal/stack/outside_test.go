package stack

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/stepfunctions"
)

type credentialsOf string

func (c credentialsOf) Call(context.Context, awswire.Identity, string, string, jsonvalue.Value) (jsonvalue.Value, error) {
	return jsonvalue.Parse([]byte(c))
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
	h := &httpTasks{caller: credentialsOf(`{"HeaderParameters":[{"Key":"X-Api-Key","Value":"k"}],"QueryStringParameters":[{"Key":"tenant","Value":"t"}]}`), client: http.Client{Transport: to}}
	out, err := h.InvokeHTTP(t.Context(), awswire.Root("1"), stepfunctions.HTTPRequest{ConnectionARN: "c", Method: "POST", URL: "https://api.partner.example/orders?a=1", Header: http.Header{"X-Own": {"o"}}, Body: []byte("b")})
	if err != nil || out.StatusCode != http.StatusAccepted || string(out.Body) != `{"ok":true}` {
		t.Errorf("%+v %v", out, err)
	}
	if got.Header.Get("X-Api-Key") != "k" || got.Header.Get("X-Own") != "o" || got.URL.RequestURI() != "/orders?a=1&tenant=t" {
		t.Errorf("%s %v", got.URL, got.Header)
	}
	if _, err := parseRoutes(map[string]string{"h": "nowhere"}); err == nil {
		t.Error("a route to nowhere was taken")
	}
}
