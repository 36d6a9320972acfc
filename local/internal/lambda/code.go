package lambda

// This file defines where a function's code comes from: a folder of this machine
// that was built here, a zip in the request, or a zip in S3. A zip must hold a
// program named bootstrap that this machine can run.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/stepworks/stepworks/local/internal/awswire"
	"github.com/stepworks/stepworks/local/internal/jsonvalue"
	"github.com/stepworks/stepworks/local/internal/lambda/gobuild"
	"github.com/stepworks/stepworks/local/internal/store"
)

// codeInput is code in a request. LocalPath and LocalFault are ours: the program
// that was built of a template's folder, or why it could not be built.
type codeInput struct {
	ZipFile         []byte         `json:"ZipFile"`
	S3Bucket        string         `json:"S3Bucket"`
	S3Key           string         `json:"S3Key"`
	S3ObjectVersion string         `json:"S3ObjectVersion"`
	ImageURI        jsontext.Value `json:"ImageUri"`
	LocalPath       string         `json:"LocalPath"`
	LocalFault      string         `json:"LocalFault"`
}

// code is a program that a version runs.
type code struct {
	Program     string // absolute path
	SHA256      string // base64, of the zip or the program
	Size        int64
	Local       bool   // built of a folder: it may be replaced in place
	Fingerprint string // of a local program
	Fault       string // why there is none
}

// Limits of zips: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	maxZip      = 50 << 20
	maxUnzipped = 262144000 // 250 MB
)

func (s *Service) fetch(ctx context.Context, in *codeInput) (code, error) {
	switch {
	case in.LocalPath != "" || in.LocalFault != "":
		return localCode(in.LocalPath, in.LocalFault)
	case len(in.ImageURI) > 0 && string(in.ImageURI) != "null":
		return code{}, unsupported("container images: give the function a zip")
	case in.ZipFile != nil:
		if len(in.ZipFile) > maxZip {
			return code{}, awswire.Errorf("RequestTooLargeException", "Request must be smaller than 69905067 bytes for the CreateFunction operation")
		}
		return s.unpack(in.ZipFile)
	case in.S3Bucket != "" && in.S3Key != "":
		archive, err := s.fromS3(ctx, in)
		if err != nil {
			return code{}, err
		}
		return s.unpack(archive)
	}
	return code{}, invalid("Please provide a source for function code.")
}

// localCode is a program at its place; it is hashed, not copied.
func localCode(path, fault string) (code, error) {
	if fault != "" {
		return code{Local: true, Fault: fault, SHA256: base64.StdEncoding.EncodeToString(make([]byte, sha256.Size))}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return code{}, invalid("There is no program to run at %s: %v", path, err)
	}
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return code{}, err
	}
	path, err = filepath.Abs(path)
	return code{Program: path, Local: true, Size: size, SHA256: base64.StdEncoding.EncodeToString(h.Sum(nil)), Fingerprint: gobuild.Fingerprint(path)}, err
}

// refreshLocalCode notices programs that were built anew while nobody served.
func (s *Service) refreshLocalCode() error {
	return s.Store.Update(func(tx *store.Tx) error {
		for key, text := range tx.Scan(bucketFunction, "", "") {
			rec, err := decode[record](text)
			if err != nil {
				return err
			}
			c := &rec.Latest.Code
			if !c.Local || c.Fault != "" || gobuild.Fingerprint(c.Program) == c.Fingerprint {
				continue
			}
			if fresh, err := localCode(c.Program, ""); err == nil {
				*c = fresh
				rec.Latest.State++
				rec.Latest.touch(s)
				tx.Put(bucketFunction, key, encode(rec))
			}
		}
		return nil
	})
}

// keep makes a copy of a local program for a published version, which never
// changes.
func (s *Service) keep(c code) (code, error) {
	if !c.Local || c.Fault != "" {
		return c, nil
	}
	sum, err := base64.StdEncoding.DecodeString(c.SHA256)
	if err != nil {
		return c, err
	}
	dir := filepath.Join(s.Dir, hex.EncodeToString(sum[:16]))
	program := filepath.Join(dir, "bootstrap")
	if _, err := os.Stat(program); err != nil {
		if err := copyFile(c.Program, program); err != nil {
			return c, err
		}
	}
	c.Program, c.Local = program, false
	return c, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return writeFile(to, in, 0o755)
}

// writeFile writes a file whole or not at all.
func writeFile(path string, from io.Reader, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	out, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	err = errors.Join(err, out.Chmod(mode), out.Close())
	if err == nil {
		err = os.Rename(out.Name(), path)
	}
	if err != nil {
		_ = os.Remove(out.Name())
	}
	return err
}

func (s *Service) fromS3(ctx context.Context, in *codeInput) ([]byte, error) {
	if s.Caller == nil {
		return nil, unsupported("code in S3 without S3")
	}
	params := jsonvalue.NewObject(jsonvalue.Member{Name: "Bucket", Value: in.S3Bucket}, jsonvalue.Member{Name: "Key", Value: in.S3Key})
	if in.S3ObjectVersion != "" {
		params = params.With("VersionId", in.S3ObjectVersion)
	}
	out, err := s.Caller.Call(ctx, awswire.CallerFrom(ctx), "s3", "GetObject", params)
	if err != nil {
		return nil, invalid("Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", awswire.CodeOf(err), messageOf(err))
	}
	o, _ := out.(*jsonvalue.Object)
	body, _ := o.Get("Body")
	text, _ := body.(string)
	return base64.StdEncoding.DecodeString(text)
}

func messageOf(err error) string {
	var e *awswire.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}

// unpack keeps a zip's files in a folder named by its hash.
func (s *Service) unpack(archive []byte) (code, error) {
	sum := sha256.Sum256(archive)
	dir := filepath.Join(s.Dir, hex.EncodeToString(sum[:16]))
	c := code{Program: filepath.Join(dir, "bootstrap"), Size: int64(len(archive)), SHA256: base64.StdEncoding.EncodeToString(sum[:])}
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return code{}, invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
	}
	if err := extract(r, dir); err != nil {
		return code{}, err
	}
	return c, runnable(c.Program)
}

func extract(r *zip.Reader, dir string) error {
	var total uint64
	for _, f := range r.File {
		total += f.UncompressedSize64
		if total > maxUnzipped {
			return invalid("Unzipped size must be smaller than %d bytes", maxUnzipped)
		}
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if !filepath.IsLocal(f.Name) {
			return invalid("Could not unzip uploaded file: the name %q leads out of it.", f.Name)
		}
		in, err := f.Open()
		if err != nil {
			return invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
		}
		// On AWS a file without the bit for execution does not run; a bootstrap that
		// was zipped on Windows has none, and SAM sets it, so it is set here.
		err = writeFile(filepath.Join(dir, f.Name), io.LimitReader(in, int64(f.UncompressedSize64)), f.Mode().Perm()|0o500)
		if err := errors.Join(err, in.Close()); err != nil {
			return invalid("Could not unzip uploaded file: %s: %v", f.Name, err)
		}
	}
	return nil
}

// runnable refuses a program that this machine cannot run.
func runnable(program string) error {
	f, err := os.Open(program)
	if err != nil {
		return invalid("The zip holds no program named bootstrap at its top, which runtime provided.al2023 runs.")
	}
	defer f.Close()
	made := madeFor(f)
	here := runtime.GOOS + "/" + runtime.GOARCH
	if made == "" || made == here || made == "script" {
		return nil
	}
	return invalid("The zip's bootstrap is a program for %s, and this machine runs %s: build it for this machine (GOOS=%s GOARCH=%s), or deploy from source with `up`.",
		made, here, runtime.GOOS, runtime.GOARCH)
}

// madeFor tells what a program is made for, "" where that cannot be told.
func madeFor(f *os.File) string {
	if b, err := elf.NewFile(f); err == nil {
		return "linux/" + elfMachine(b.Machine)
	}
	if b, err := macho.NewFile(f); err == nil {
		return "darwin/" + map[macho.Cpu]string{macho.CpuAmd64: "amd64", macho.CpuArm64: "arm64"}[b.Cpu]
	}
	if b, err := pe.NewFile(f); err == nil {
		return "windows/" + map[uint16]string{pe.IMAGE_FILE_MACHINE_AMD64: "amd64", pe.IMAGE_FILE_MACHINE_ARM64: "arm64"}[b.Machine]
	}
	head := make([]byte, 2)
	if n, _ := f.ReadAt(head, 0); n == 2 && string(head) == "#!" {
		return "script"
	}
	return ""
}

func elfMachine(m elf.Machine) string {
	switch m {
	case elf.EM_X86_64:
		return "amd64"
	case elf.EM_AARCH64:
		return "arm64"
	}
	return strings.ToLower(strings.TrimPrefix(fmt.Sprint(m), "EM_"))
}
