package secretsmanager

// This file defines random passwords.

import (
	"context"
	"crypto/rand"
	"math/big"
	"strings"

	"github.com/stepworks/stepworks/local/internal/awswire"
)

type passwordInput struct {
	PasswordLength     *int   `json:"PasswordLength"`
	ExcludeCharacters  string `json:"ExcludeCharacters"`
	ExcludeNumbers     bool   `json:"ExcludeNumbers"`
	ExcludePunctuation bool   `json:"ExcludePunctuation"`
	ExcludeUppercase   bool   `json:"ExcludeUppercase"`
	ExcludeLowercase   bool   `json:"ExcludeLowercase"`
	IncludeSpace       bool   `json:"IncludeSpace"`
}

type passwordOutput struct {
	RandomPassword string `json:"RandomPassword"`
}

func (s *Service) password(_ context.Context, in *passwordInput) (*passwordOutput, error) {
	n := 32
	if in.PasswordLength != nil {
		n = *in.PasswordLength
	}
	letters := ""
	for _, set := range []struct {
		out   bool
		chars string
	}{{in.ExcludeLowercase, "abcdefghijklmnopqrstuvwxyz"}, {in.ExcludeUppercase, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, {in.ExcludeNumbers, "0123456789"},
		{in.ExcludePunctuation, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"}, {!in.IncludeSpace, " "}} {
		if !set.out {
			letters += set.chars
		}
	}
	letters = strings.Map(func(r rune) rune {
		if strings.ContainsRune(in.ExcludeCharacters, r) {
			return -1
		}
		return r
	}, letters)
	if n < 1 || n > 4096 || letters == "" {
		return nil, awswire.Errorf("InvalidParameterException", "The password cannot be made: its length must be 1 to 4096, and some characters must be allowed.")
	}
	var b strings.Builder
	for range n {
		i, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			return nil, err
		}
		b.WriteByte(letters[i.Int64()])
	}
	return &passwordOutput{b.String()}, nil
}
