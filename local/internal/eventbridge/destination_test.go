package eventbridge

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// partner is an HTTP server that notes what it is asked and answers as told.
type partner struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
	answers  []int // statuses, one a request to /api; 200 when used up
	tokens   int
}

func newPartner(w *world) *partner {
	p := &partner{}
	p.Server = httptest.NewTLSServer(p)
	w.Cleanup(p.Close)
	w.service.HTTP = p.Client().Transport
	return p
}

func (p *partner) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	p.requests = append(p.requests, fmt.Sprintf("%s %s [%s] key=%s extra=%s %s", r.Method, r.URL, r.Header.Get("Authorization"), r.Header.Get("X-Key"), r.Header.Get("X-Extra"), body))
	if strings.HasPrefix(r.URL.Path, "/token") {
		p.tokens++
		fmt.Fprintf(rw, `{"access_token":"t%d","token_type":"bearer","expires_in":3600}`, p.tokens)
		return
	}
	if len(p.answers) > 0 {
		status := p.answers[0]
		p.answers = p.answers[1:]
		if status == http.StatusTooManyRequests {
			rw.Header().Set("Retry-After", "100")
		}
		rw.WriteHeader(status)
	}
}

func (p *partner) seen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := strings.Join(p.requests, "\n")
	p.requests = nil
	return strings.ReplaceAll(seen, p.URL, "URL")
}

// destination makes a connection, an API destination and a rule for it.
func (w *world) destination(p *partner, kind, auth, more, target string) {
	w.Helper()
	must := func(line string) *jsonvalue.Object {
		answer := w.run(line)
		v, err := jsonvalue.Parse([]byte(answer))
		if err != nil {
			w.Fatal(line, ": ", answer)
		}
		return v.(*jsonvalue.Object)
	}
	c := must(`CreateConnection {"Name":"c","AuthorizationType":"` + kind + `","AuthParameters":` + strings.ReplaceAll(auth, "URL", p.URL) + `}`)
	w.quiet()
	d := must(`CreateApiDestination {"Name":"d","ConnectionArn":"` + text(c, "ConnectionArn") + `","HttpMethod":"POST","InvocationEndpoint":"` + p.URL + `/api/*"` + more + `}`)
	dlq := w.queue("dlq")
	w.rule("", "r", `{"source":["shop"]}`, types.Target{Arn: &dlq})
	must(`PutTargets {"Rule":"r","Targets":[{"Id":"t","Arn":"` + text(d, "ApiDestinationArn") + `","RoleArn":"arn:aws:iam::123456789012:role/x","DeadLetterConfig":{"Arn":"` + dlq + `"},"InputPath":"$.detail",` +
		`"HttpParameters":{"PathParameterValues":["$.detail.id"],"QueryStringParameters":{"q":"1"},"HeaderParameters":{"X-Extra":"$.source"}}` + target + `}]}`)
	p.seen()
}

func TestAPIDestinations(t *testing.T) {
	for _, c := range []struct{ name, kind, auth, want string }{
		{"basic", "BASIC", `{"BasicAuthParameters":{"Username":"u","Password":"p"}}`,
			`POST /api/7?q=1 [Basic dTpw] key= extra=shop {"id":"7"}`},
		{"key", "API_KEY", `{"ApiKeyAuthParameters":{"ApiKeyName":"X-Key","ApiKeyValue":"k"},"InvocationHttpParameters":{"HeaderParameters":[{"Key":"X-Extra","Value":"ours","IsValueSecret":true}],"BodyParameters":[{"Key":"added","Value":"b"}]}}`,
			`POST /api/7?q=1 [] key=k extra=ours {"id":"7","added":"b"}`},
		{"oauth", "OAUTH_CLIENT_CREDENTIALS", `{"OAuthParameters":{"AuthorizationEndpoint":"URL/token","HttpMethod":"POST","ClientParameters":{"ClientID":"i","ClientSecret":"s"},"OAuthHttpParameters":{"BodyParameters":[{"Key":"scope","Value":"x"}]}}}`,
			`POST /api/7?q=1 [Bearer t1] key= extra=shop {"id":"7"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			p := newPartner(w)
			w.destination(p, c.kind, c.auth, "", "")
			shown := w.run(`DescribeConnection {"Name":"c"}`)
			for _, secret := range []string{`"p"`, `"k"`, `"s"`, `"ours"`} {
				if strings.Contains(shown, secret) {
					t.Errorf("DescribeConnection shows %s: %s", secret, shown)
				}
			}
			if !strings.Contains(shown, `"ConnectionState":"AUTHORIZED"`) || !strings.Contains(shown, `:secret:events!connection/c/`) {
				t.Errorf("got %s", shown)
			}
			w.put("", "shop", "k", `{"id":"7"}`)
			w.quiet()
			if got := p.seen(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

const basicConnection = `{"BasicAuthParameters":{"Username":"u","Password":"p"}}`

func TestAPIDestinationFailures(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []int
		calls   int
		code    string // at the dead-letter queue, "" when delivered
		elapsed time.Duration
	}{
		{"a bad request is not repeated", []int{400}, 1, "ERROR_FROM_TARGET", 0},
		{"a redirect is not followed", []int{302}, 1, "ERROR_FROM_TARGET", 0},
		{"a server that is down for a moment", []int{503, 500, 200}, 3, "", time.Second},
		{"a conflict is repeated", []int{409, 200}, 2, "", 0},
		{"Retry-After is honoured", []int{429, 200}, 2, "", 100 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			p := newPartner(w)
			w.destination(p, "BASIC", basicConnection, "", "")
			p.answers = c.answers
			w.put("", "shop", "k", `{"id":"7"}`)
			var code string
			for _, m := range w.received("arn:aws:sqs:us-east-1:123456789012:dlq") {
				code = m.attributes["ERROR_CODE"]
			}
			if n := strings.Count(p.seen(), "POST"); n != c.calls || code != c.code || w.clock.Now().Sub(start) < c.elapsed {
				t.Errorf("%d calls, code %q after %v; want %d, %q, at least %v", n, code, w.clock.Now().Sub(start), c.calls, c.code, c.elapsed)
			}
		})
	}
}

// A token that the server no longer takes is fetched anew, once; one that has
// expired before that.
func TestOAuthTokensAreRefreshed(t *testing.T) {
	w := newWorld(t)
	p := newPartner(w)
	w.destination(p, "OAUTH_CLIENT_CREDENTIALS", `{"OAuthParameters":{"AuthorizationEndpoint":"URL/token","HttpMethod":"POST","ClientParameters":{"ClientID":"i","ClientSecret":"s"}}}`, "", "")
	p.answers = []int{401, 200}
	w.put("", "shop", "k", `{"id":"7"}`)
	w.quiet()
	want := `POST /api/7?q=1 [Bearer t1] key= extra=shop {"id":"7"}
POST /token [Basic aTpz] key= extra= client_id=i&client_secret=s&grant_type=client_credentials
POST /api/7?q=1 [Bearer t2] key= extra=shop {"id":"7"}`
	if got := p.seen(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	w.clock.AfterFunc(2*time.Hour, func() {})
	w.quiet()
	w.put("", "shop", "k", `{"id":"7"}`)
	w.quiet()
	if got := p.seen(); !strings.Contains(got, "[Bearer t3]") {
		t.Errorf("an expired token was used: %s", got)
	}
}

func TestOAuthThatIsRefusedDeauthorizesTheConnection(t *testing.T) {
	w := newWorld(t)
	p := newPartner(w)
	got := w.run(`CreateConnection {"Name":"c","AuthorizationType":"OAUTH_CLIENT_CREDENTIALS","AuthParameters":{"OAuthParameters":{"AuthorizationEndpoint":"` + p.URL + `/elsewhere","HttpMethod":"POST","ClientParameters":{"ClientID":"i","ClientSecret":"s"}}}}`)
	if !strings.Contains(got, `"ConnectionState":"AUTHORIZING"`) {
		t.Errorf("got %s", got)
	}
	w.quiet()
	if got := w.run(`DescribeConnection {"Name":"c"}`); !strings.Contains(got, `"ConnectionState":"DEAUTHORIZED","StateReason":"AuthorizationError: the authorization endpoint's answer has no access_token"`) {
		t.Errorf("got %s", got)
	}
}

// More events than the rate allows wait; none is lost and none counts as failed.
func TestRateLimit(t *testing.T) {
	w := newWorld(t)
	p := newPartner(w)
	w.destination(p, "BASIC", basicConnection, `,"InvocationRateLimitPerSecond":2`, `,"RetryPolicy":{"MaximumRetryAttempts":0}`)
	hold := w.clock.Hold()
	for range 7 {
		w.put("", "shop", "k", `{"id":"7"}`)
	}
	hold()
	w.quiet()
	if n := strings.Count(p.seen(), "POST"); n != 7 || w.clock.Now().Sub(start) != 3*time.Second {
		t.Errorf("%d calls within %v", n, w.clock.Now().Sub(start))
	}
}

// What Step Functions asks for an HTTP task.
func TestRetrieveConnectionCredentials(t *testing.T) {
	w := newWorld(t)
	p := newPartner(w)
	w.destination(p, "BASIC", basicConnection, "", "")
	c := jsonvalue.MustParse(w.run(`DescribeConnection {"Name":"c"}`)).(*jsonvalue.Object)
	got := w.run(`RetrieveConnectionCredentials {"ConnectionArn":"` + text(c, "ConnectionArn") + `"}`)
	if want := `{"HeaderParameters":[{"Key":"Authorization","Value":"Basic dTpw","IsValueSecret":false}]}`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	w.run(`DeauthorizeConnection {"Name":"c"}`)
	if got := w.run(`RetrieveConnectionCredentials {"ConnectionArn":"` + text(c, "ConnectionArn") + `"}`); got != "ValidationException: Connection c is deauthorized." {
		t.Errorf("got %s", got)
	}
	w.run(`DeleteConnection {"Name":"c"}`)
	if got := w.run(`DescribeConnection {"Name":"c"}`); got != "ResourceNotFoundException: Failed to describe the connection(s). Connection 'c' does not exist." {
		t.Errorf("got %s", got)
	}
}
