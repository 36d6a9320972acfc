package eventbridge

// This file defines connections: how to authenticate to an HTTP endpoint. What is
// secret of one is kept in Secrets Manager alone.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection.html

import (
	"context"
	"strings"
	"time"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/store"
)

// connection is the record of a connection, without its secrets.
type connection struct {
	Name, ID                      string
	Description                   string
	Type                          string
	State, Reason                 string
	Auth                          connectionAuth
	SecretARN                     string
	KmsKey                        string // shown, and nothing else
	Created, Modified, Authorized time.Time
}

// States of a connection.
const (
	authorized   = "AUTHORIZED"
	authorizing  = "AUTHORIZING"
	deauthorized = "DEAUTHORIZED"
	deleting     = "DELETING"
)

// Types of authorization.
const (
	basic  = "BASIC"
	apiKey = "API_KEY"
	oauth  = "OAUTH_CLIENT_CREDENTIALS"
)

// connectionAuth are the parameters of a connection, as they come and, without
// secrets, as they are shown.
type connectionAuth struct {
	Basic *struct {
		Username string `json:"Username" check:"required,min=1,max=512"`
		Password string `json:"Password,omitzero" check:"min=1,max=512"`
	} `json:"BasicAuthParameters,omitzero"`
	OAuth  *oauthParameters `json:"OAuthParameters,omitzero"`
	APIKey *struct {
		Name  string `json:"ApiKeyName" check:"required,min=1,max=512"`
		Value string `json:"ApiKeyValue,omitzero" check:"min=1,max=512"`
	} `json:"ApiKeyAuthParameters,omitzero"`
	Invocation   *httpParameters `json:"InvocationHttpParameters,omitzero"`
	Connectivity map[string]any  `json:"ConnectivityParameters,omitzero"`
}

type oauthParameters struct {
	Client struct {
		ID     string `json:"ClientID" check:"required,min=1,max=512"`
		Secret string `json:"ClientSecret,omitzero" check:"min=1,max=512"`
	} `json:"ClientParameters"`
	Endpoint string          `json:"AuthorizationEndpoint" check:"required,min=1,max=2048"`
	Method   string          `json:"HttpMethod" check:"required,enum=GET|POST|PUT"`
	HTTP     *httpParameters `json:"OAuthHttpParameters,omitzero"`
}

// httpParameters are what is added to a request.
type httpParameters struct {
	Header []httpParameter `json:"HeaderParameters,omitzero"`
	Query  []httpParameter `json:"QueryStringParameters,omitzero"`
	Body   []httpParameter `json:"BodyParameters,omitzero"`
}

type httpParameter struct {
	Key    string `json:"Key"`
	Value  string `json:"Value,omitzero"`
	Secret bool   `json:"IsValueSecret"`
}

// check insists on the parameters that go with the type.
func (a connectionAuth) check(kind string) error {
	given := map[string]bool{basic: a.Basic != nil, apiKey: a.APIKey != nil, oauth: a.OAuth != nil}
	switch {
	case a.Connectivity != nil:
		return invalid("Private connectivity is not supported by the local AWS: leave ConnectivityParameters out.")
	case !given[kind]:
		return invalid("Parameter AuthParameters is not valid. Reason: AuthorizationType %s needs its own parameters.", kind)
	case kind == basic && a.Basic.Password == "", kind == apiKey && a.APIKey.Value == "", kind == oauth && a.OAuth.Client.Secret == "":
		return invalid("Parameter AuthParameters is not valid. Reason: the password, key or secret is missing.")
	case kind == oauth && !isHTTP(a.OAuth.Endpoint):
		return invalid("Parameter AuthorizationEndpoint is not valid. Reason: it must be an HTTPS URL.")
	}
	return nil
}

// shown returns the parameters without their secrets.
func (a connectionAuth) shown() connectionAuth {
	if a.Basic != nil {
		b := *a.Basic
		b.Password = ""
		a.Basic = &b
	}
	if a.APIKey != nil {
		k := *a.APIKey
		k.Value = ""
		a.APIKey = &k
	}
	if a.OAuth != nil {
		o := *a.OAuth
		o.Client.Secret = ""
		o.HTTP = o.HTTP.shown()
		a.OAuth = &o
	}
	a.Invocation = a.Invocation.shown()
	return a
}

func (p *httpParameters) shown() *httpParameters {
	if p == nil {
		return nil
	}
	hide := func(list []httpParameter) []httpParameter {
		out := make([]httpParameter, len(list))
		for i, x := range list {
			if out[i] = x; x.Secret {
				out[i].Value = ""
			}
		}
		return out
	}
	return &httpParameters{hide(p.Header), hide(p.Query), hide(p.Body)}
}

type createConnectionInput struct {
	Name                             string          `json:"Name" check:"required,min=1,max=64,pattern=[\\.\\-_A-Za-z0-9]+"`
	Description                      string          `json:"Description" check:"max=512"`
	AuthorizationType                string          `json:"AuthorizationType" check:"required,enum=BASIC|OAUTH_CLIENT_CREDENTIALS|API_KEY"`
	AuthParameters                   *connectionAuth `json:"AuthParameters" check:"required"`
	InvocationConnectivityParameters map[string]any  `json:"InvocationConnectivityParameters"`
	KmsKeyIdentifier                 string          `json:"KmsKeyIdentifier"`
}

type connectionOutput struct {
	ConnectionArn      string          `json:"ConnectionArn"`
	Name               string          `json:"Name,omitzero"`
	Description        string          `json:"Description,omitzero"`
	ConnectionState    string          `json:"ConnectionState"`
	StateReason        string          `json:"StateReason,omitzero"`
	AuthorizationType  string          `json:"AuthorizationType,omitzero"`
	SecretArn          string          `json:"SecretArn,omitzero"`
	KmsKeyIdentifier   string          `json:"KmsKeyIdentifier,omitzero"`
	AuthParameters     *connectionAuth `json:"AuthParameters,omitzero"`
	CreationTime       awswire.Time    `json:"CreationTime"`
	LastModifiedTime   awswire.Time    `json:"LastModifiedTime"`
	LastAuthorizedTime awswire.Time    `json:"LastAuthorizedTime,omitzero"`
}

func (s *Service) connectionARN(c connection) string {
	return s.arn("connection/" + c.Name + "/" + c.ID)
}

// changedConnection is what the operations that change one answer.
func (s *Service) changedConnection(c connection) *connectionOutput {
	return &connectionOutput{ConnectionArn: s.connectionARN(c), ConnectionState: c.State, CreationTime: awswire.At(c.Created),
		LastModifiedTime: awswire.At(c.Modified), LastAuthorizedTime: awswire.At(c.Authorized)}
}

// createConnection keeps the secrets in Secrets Manager first: a connection
// without its secret would be of no use.
func (s *Service) createConnection(ctx context.Context, in *createConnectionInput) (*connectionOutput, error) {
	if in.InvocationConnectivityParameters != nil {
		return nil, invalid("Private connectivity is not supported by the local AWS: leave InvocationConnectivityParameters out.")
	}
	if err := in.AuthParameters.check(in.AuthorizationType); err != nil {
		return nil, err
	}
	if _, err := s.connection(in.Name); err == nil {
		return nil, exists("Connection", in.Name)
	}
	now := s.Clock.Now()
	c := connection{Name: in.Name, ID: newUUID(), Description: in.Description, Type: in.AuthorizationType, State: authorized,
		Auth: in.AuthParameters.shown(), Created: now, Modified: now, Authorized: now, KmsKey: in.KmsKeyIdentifier}
	if c.Type == oauth {
		c.State = authorizing
	}
	var err error
	if c.SecretARN, err = s.createSecret(ctx, c, *in.AuthParameters); err != nil {
		return nil, err
	}
	if err := s.saveConnection(c); err != nil {
		return nil, err
	}
	s.authorizeLater(c)
	out := s.changedConnection(c)
	out.LastAuthorizedTime = awswire.Time{}
	return out, nil
}

func (s *Service) saveConnection(c connection) error {
	return s.Store.Update(func(tx *store.Tx) error {
		put(tx, connectionBucket, store.Key(c.Name), c)
		return nil
	})
}

// connection returns a connection by name.
func (s *Service) connection(name string) (connection, error) {
	return view(s.Store, func(r store.Reader) (connection, error) {
		c, found := get[connection](r, connectionBucket, store.Key(name))
		if !found {
			return c, awswire.Errorf("ResourceNotFoundException", "Failed to describe the connection(s). Connection '%s' does not exist.", name)
		}
		return c, nil
	})
}

// connectionByARN returns a connection by its ARN, which ends in its id.
func (s *Service) connectionByARN(arn string) (connection, error) {
	_, path, _ := strings.Cut(arn, ":connection/")
	name, _, _ := strings.Cut(path, "/")
	c, err := s.connection(name)
	if err == nil && s.connectionARN(c) != arn {
		return c, awswire.Errorf("ResourceNotFoundException", "Failed to describe the connection(s). Connection '%s' does not exist.", arn)
	}
	return c, err
}

type connectionInput struct {
	Name string `json:"Name" check:"required,min=1,max=64"`
}

func (s *Service) describeConnection(_ context.Context, in *connectionInput) (*connectionOutput, error) {
	c, err := s.connection(in.Name)
	out := s.changedConnection(c)
	out.Name, out.Description, out.StateReason = c.Name, c.Description, c.Reason
	out.AuthorizationType, out.SecretArn, out.AuthParameters, out.KmsKeyIdentifier = c.Type, c.SecretARN, &c.Auth, c.KmsKey
	return out, err
}

type updateConnectionInput struct {
	Name              string          `json:"Name" check:"required,min=1,max=64"`
	Description       *string         `json:"Description" check:"max=512"`
	AuthorizationType string          `json:"AuthorizationType" check:"enum=BASIC|OAUTH_CLIENT_CREDENTIALS|API_KEY"`
	AuthParameters    *connectionAuth `json:"AuthParameters"`
}

func (s *Service) updateConnection(ctx context.Context, in *updateConnectionInput) (*connectionOutput, error) {
	c, err := s.connection(in.Name)
	if err != nil {
		return nil, err
	}
	change(&c.Description, in.Description)
	if in.AuthorizationType != "" {
		c.Type = in.AuthorizationType
	}
	if in.AuthParameters != nil {
		if err := in.AuthParameters.check(c.Type); err != nil {
			return nil, err
		}
		if err := s.putSecret(ctx, c, *in.AuthParameters); err != nil {
			return nil, err
		}
		c.Auth = in.AuthParameters.shown()
	}
	c.Modified, c.State, c.Reason = s.Clock.Now(), authorized, ""
	if c.Type == oauth {
		c.State = authorizing
	}
	s.forgetToken(c)
	if err := s.saveConnection(c); err != nil {
		return nil, err
	}
	s.authorizeLater(c)
	return s.changedConnection(c), nil
}

func (s *Service) deleteConnection(ctx context.Context, in *connectionInput) (*connectionOutput, error) {
	c, err := s.connection(in.Name)
	if err != nil {
		return nil, err
	}
	if err := s.deleteSecret(ctx, c); err != nil {
		return nil, err
	}
	s.forgetToken(c)
	c.State = deleting
	return s.changedConnection(c), s.Store.Update(func(tx *store.Tx) error {
		tx.Delete(connectionBucket, store.Key(c.Name))
		return nil
	})
}

// deauthorizeConnection forgets the secrets; the connection is of no use until
// it is updated.
func (s *Service) deauthorizeConnection(ctx context.Context, in *connectionInput) (*connectionOutput, error) {
	c, err := s.connection(in.Name)
	if err != nil {
		return nil, err
	}
	if err := s.putSecret(ctx, c, connectionAuth{}); err != nil {
		return nil, err
	}
	s.forgetToken(c)
	c.State, c.Modified = deauthorized, s.Clock.Now()
	return s.changedConnection(c), s.saveConnection(c)
}

type listConnectionsInput struct {
	NamePrefix      string `json:"NamePrefix" check:"max=64"`
	ConnectionState string `json:"ConnectionState"`
	Limit           int    `json:"Limit" check:"min=1,max=100"`
	NextToken       string `json:"NextToken" check:"max=2048"`
}

type listConnectionsOutput struct {
	Connections []connectionOutput `json:"Connections"`
	NextToken   string             `json:"NextToken,omitzero"`
}

func (s *Service) listConnections(_ context.Context, in *listConnectionsInput) (*listConnectionsOutput, error) {
	return view(s.Store, func(r store.Reader) (*listConnectionsOutput, error) {
		found, next, err := page(all[connection](r, connectionBucket), in.Limit, in.NextToken, func(c connection) bool {
			return strings.HasPrefix(c.Name, in.NamePrefix) && (in.ConnectionState == "" || c.State == in.ConnectionState)
		})
		out := &listConnectionsOutput{Connections: []connectionOutput{}, NextToken: next}
		for _, c := range found {
			listed := s.changedConnection(c)
			listed.Name, listed.StateReason, listed.AuthorizationType = c.Name, c.Reason, c.Type
			out.Connections = append(out.Connections, *listed)
		}
		return out, err
	})
}
