package eventbridge

// This file defines what a connection adds to a request, and how it comes by it:
// the secret in Secrets Manager, and for OAuth a token from the authorization
// endpoint.

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
)

// secretText is a connection's secret, under the names that AWS was recorded to use.
type secretText struct {
	Username     string          `json:"username,omitempty"`
	Password     string          `json:"password,omitempty"`
	KeyName      string          `json:"api_key_name,omitempty"`
	KeyValue     string          `json:"api_key_value,omitempty"`
	ClientID     string          `json:"client_id,omitempty"`
	ClientSecret string          `json:"client_secret,omitempty"`
	Endpoint     string          `json:"authorization_endpoint,omitempty"`
	Method       string          `json:"http_method,omitempty"`
	OAuthHTTP    *httpParameters `json:"oauth_http_parameters,omitempty"`
	Invocation   *httpParameters `json:"invocation_http_parameters,omitempty"`
}

func (a connectionAuth) secret() string {
	s := secretText{Invocation: a.Invocation}
	switch {
	case a.Basic != nil:
		s.Username, s.Password = a.Basic.Username, a.Basic.Password
	case a.APIKey != nil:
		s.KeyName, s.KeyValue = a.APIKey.Name, a.APIKey.Value
	case a.OAuth != nil:
		s.ClientID, s.ClientSecret, s.Endpoint, s.Method = a.OAuth.Client.ID, a.OAuth.Client.Secret, a.OAuth.Endpoint, a.OAuth.Method
		s.OAuthHTTP = a.OAuth.HTTP
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // strings alone: it cannot fail
	return strings.TrimSpace(b.String())
}

// callSecrets calls Secrets Manager as the account: that stands for the role
// AWSServiceRoleForAmazonEventBridgeApiDestinations, which may do just this.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/using-service-linked-roles-service-action-1.html
func (s *Service) callSecrets(ctx context.Context, operation string, params *jsonvalue.Object) (*jsonvalue.Object, error) {
	answer, err := s.Caller.Call(ctx, awswire.Root(s.Account), "secretsmanager", operation, params)
	o, _ := answer.(*jsonvalue.Object)
	return o, err
}

func (s *Service) createSecret(ctx context.Context, c connection, auth connectionAuth) (arn string, err error) {
	answer, err := s.callSecrets(ctx, "CreateSecret", object(
		member("Name", "events!connection/"+c.Name+"/"+newUUID()),
		member("ClientRequestToken", newUUID()),
		member("SecretString", auth.secret()),
	))
	return text(answer, "ARN"), err
}

func (s *Service) putSecret(ctx context.Context, c connection, auth connectionAuth) error {
	_, err := s.callSecrets(ctx, "PutSecretValue", object(member("SecretId", c.SecretARN), member("ClientRequestToken", newUUID()), member("SecretString", auth.secret())))
	return err
}

func (s *Service) deleteSecret(ctx context.Context, c connection) error {
	_, err := s.callSecrets(ctx, "DeleteSecret", object(member("SecretId", c.SecretARN), member("ForceDeleteWithoutRecovery", true)))
	if awswire.CodeOf(err) == "ResourceNotFoundException" {
		return nil
	}
	return err
}

func (s *Service) getSecret(ctx context.Context, c connection) (secretText, error) {
	var secret secretText
	answer, err := s.callSecrets(ctx, "GetSecretValue", object(member("SecretId", c.SecretARN)))
	if err == nil && json.Unmarshal([]byte(text(answer, "SecretString")), &secret) != nil {
		err = invalid("The secret of connection %s is not the JSON that it was made with.", c.Name)
	}
	return secret, err
}

// credentials returns what a connection adds to a request. With refresh a token
// is fetched anew.
func (s *Service) credentials(ctx context.Context, c connection, refresh bool) (httpParameters, error) {
	if c.State == deauthorized && c.Type != oauth {
		return httpParameters{}, invalid("Connection %s is deauthorized.", c.Name)
	}
	secret, err := s.getSecret(ctx, c)
	if err != nil {
		return httpParameters{}, err
	}
	var added httpParameters
	if secret.Invocation != nil {
		added = *secret.Invocation
	}
	header := httpParameter{Key: "Authorization"}
	switch c.Type {
	case basic:
		header.Value = basicAuth(secret.Username, secret.Password)
	case apiKey:
		header = httpParameter{Key: secret.KeyName, Value: secret.KeyValue}
	case oauth:
		if refresh {
			s.forgetToken(c)
		}
		if header.Value, err = s.token(ctx, c, secret); err != nil {
			return httpParameters{}, err
		}
	}
	added.Header = append([]httpParameter{header}, added.Header...)
	return added, nil
}

func basicAuth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// tokens are the OAuth tokens in use, by connection ARN. They live in memory: a
// new process asks for new ones.
type tokens struct {
	mu    sync.Mutex
	byARN map[string]token
}

type token struct {
	header  string
	expires time.Time
}

func (s *Service) forgetToken(c connection) {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	delete(s.tokens.byARN, s.connectionARN(c))
}

// token returns the Authorization header of an OAuth connection.
func (s *Service) token(ctx context.Context, c connection, secret secretText) (string, error) {
	arn := s.connectionARN(c)
	s.tokens.mu.Lock()
	known, ok := s.tokens.byARN[arn]
	s.tokens.mu.Unlock()
	if ok && s.Clock.Now().Before(known.expires) {
		return known.header, nil
	}
	fresh, err := s.fetchToken(ctx, secret)
	if err != nil {
		return "", err
	}
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	s.tokens.byARN[arn] = fresh
	return fresh.header, nil
}

// defaultExpiry is how long a token is used whose answer does not say.
const defaultExpiry = 30 * time.Minute

// fetchToken asks the authorization endpoint for a token with the client's
// credentials: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
func (s *Service) fetchToken(ctx context.Context, secret secretText) (token, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {secret.ClientID}, "client_secret": {secret.ClientSecret}}
	added := httpParameters{}
	if secret.OAuthHTTP != nil {
		added = *secret.OAuthHTTP
	}
	for _, p := range added.Body {
		form.Set(p.Key, p.Value)
	}
	req, err := http.NewRequestWithContext(ctx, secret.Method, secret.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return token{}, invalid("the authorization endpoint: %v", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", basicAuth(secret.ClientID, secret.ClientSecret))
	added.addTo(req)
	resp, err := s.send(req)
	if err != nil {
		return token{}, awswire.Errorf("ConnectionFailure", "the authorization endpoint could not be reached: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	return s.readToken(resp)
}

func (s *Service) readToken(resp *http.Response) (token, error) {
	var answer struct {
		Token   string      `json:"access_token"`
		Type    string      `json:"token_type"`
		Expires json.Number `json:"expires_in"`
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || resp.StatusCode/100 != 2 {
		return token{}, awswire.Errorf("AuthorizationError", "the authorization endpoint answered %s", resp.Status)
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Token == "" {
		return token{}, awswire.Errorf("AuthorizationError", "the authorization endpoint's answer has no access_token")
	}
	expiry := defaultExpiry
	if seconds, err := answer.Expires.Int64(); err == nil && seconds > 0 {
		expiry = time.Duration(seconds) * time.Second
	}
	return token{header: bearer(answer.Type) + " " + answer.Token, expires: s.Clock.Now().Add(expiry)}, nil
}

// bearer spells the usual token type as servers expect it.
func bearer(kind string) string {
	if kind == "" || strings.EqualFold(kind, "bearer") {
		return "Bearer"
	}
	return kind
}

// addTo adds headers and query parameters to a request.
func (p httpParameters) addTo(req *http.Request) {
	for _, h := range p.Header {
		req.Header.Set(h.Key, h.Value)
	}
	query := req.URL.Query()
	for _, q := range p.Query {
		query.Set(q.Key, q.Value)
	}
	req.URL.RawQuery = query.Encode()
}

// authorizeLater tries the credentials of an OAuth connection and notes whether
// they work.
func (s *Service) authorizeLater(c connection) {
	if c.Type != oauth {
		return
	}
	s.courier.Background(func(ctx context.Context) {
		_, err := s.credentials(ctx, c, true)
		now, err2 := s.connection(c.Name)
		if ctx.Err() != nil || err2 != nil || now.ID != c.ID || now.State != authorizing {
			return
		}
		now.State, now.Authorized = authorized, s.Clock.Now()
		if err != nil {
			now.State, now.Reason = deauthorized, fmt.Sprint(err)
		}
		if err := s.saveConnection(now); err != nil {
			s.Log.Error("a connection's state could not be stored", "connection", c.Name, "error", err)
		}
	})
}

type retrieveCredentialsInput struct {
	ConnectionArn string `json:"ConnectionArn" check:"required"`
	Refresh       bool   `json:"Refresh"`
}

// retrieveCredentials is not in AWS's API, though the permission of its name is:
// it is how Step Functions comes by what an HTTP task's connection adds.
// https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html
func (s *Service) retrieveCredentials(ctx context.Context, in *retrieveCredentialsInput) (*httpParameters, error) {
	c, err := s.connectionByARN(in.ConnectionArn)
	if err != nil {
		return nil, err
	}
	// The caller's own permissions must reach the secret too:
	// https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html#connect-http-task-permissions
	for _, read := range []string{"DescribeSecret", "GetSecretValue"} {
		if _, err := s.Caller.Call(ctx, awswire.CallerFrom(ctx), "secretsmanager", read, object(member("SecretId", c.SecretARN))); err != nil {
			return nil, err
		}
	}
	added, err := s.credentials(ctx, c, in.Refresh)
	return &added, err
}
