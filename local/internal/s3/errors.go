package s3

// This file defines the errors: one table from code to status and AWS's words.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html

import (
	"fmt"
	"net/http"

	"github.com/stepworks/stepworks/local/internal/awswire"
)

// fault is what AWS says with a code.
type fault struct {
	status  int
	message string
}

var faults = map[string]fault{
	"AccessDenied":                            {403, "Access Denied"},
	"AccessControlListNotSupported":           {400, "The bucket does not allow ACLs"},
	"AuthorizationHeaderMalformed":            {400, "The authorization header that you provided is not valid."},
	"BadDigest":                               {400, "The Content-MD5 you specified did not match what we received."},
	"BucketAlreadyOwnedByYou":                 {409, "Your previous request to create the named bucket succeeded and you already own it."},
	"BucketNotEmpty":                          {409, "The bucket you tried to delete is not empty"},
	"ConditionalRequestConflict":              {409, "The conditional request cannot succeed due to a conflicting operation against this resource."},
	"EntityTooLarge":                          {400, "Your proposed upload exceeds the maximum allowed size"},
	"EntityTooSmall":                          {400, "Your proposed upload is smaller than the minimum allowed size"},
	"IllegalLocationConstraintException":      {400, "The %s location constraint is incompatible for the region specific endpoint this request was sent to."},
	"IllegalVersioningConfigurationException": {400, "The Versioning element must be specified"},
	"IncompleteBody":                          {400, "The request body terminated unexpectedly"},
	"InternalError":                           {500, "We encountered an internal error. Please try again."},
	"InvalidArgument":                         {400, "Invalid Argument"},
	"InvalidBucketName":                       {400, "The specified bucket is not valid."},
	"InvalidBucketOwnerAWSAccountID":          {400, "The value of the expected bucket owner parameter must be an AWS Account ID... [%s]"},
	"InvalidDigest":                           {400, "The Content-MD5 you specified was invalid."},
	"InvalidLocationConstraint":               {400, "The specified location-constraint is not valid"},
	"InvalidObjectState":                      {403, "The operation is not valid for the object's storage class"},
	"InvalidPart":                             {400, "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."},
	"InvalidPartNumber":                       {416, "The requested partnumber is not satisfiable"},
	"InvalidPartOrder":                        {400, "The list of parts was not in ascending order. Parts must be ordered by part number."},
	"InvalidRange":                            {416, "The requested range is not satisfiable"},
	"InvalidRequest":                          {400, "Invalid Request"},
	"InvalidStorageClass":                     {400, "The storage class you specified is not valid"},
	"InvalidTag":                              {400, "The TagKey you have provided is invalid"},
	"InvalidTargetBucketForLogging":           {400, "The target bucket for logging does not exist"},
	"InvalidURI":                              {400, "Couldn't parse the specified URI."},
	"KeyTooLongError":                         {400, "Your key is too long"},
	"MalformedPolicy":                         {400, "Policies must be valid JSON and the first byte must be '{'"},
	"MalformedXML":                            {400, "The XML you provided was not well-formed or did not validate against our published schema"},
	"MetadataTooLarge":                        {400, "Your metadata headers exceed the maximum allowed metadata size"},
	"MethodNotAllowed":                        {405, "The specified method is not allowed against this resource."},
	"MissingContentLength":                    {411, "You must provide the Content-Length HTTP header."},
	"NoSuchBucket":                            {404, "The specified bucket does not exist"},
	"NoSuchBucketPolicy":                      {404, "The bucket policy does not exist"},
	"NoSuchCORSConfiguration":                 {404, "The CORS configuration does not exist"},
	"NoSuchKey":                               {404, "The specified key does not exist."},
	"NoSuchLifecycleConfiguration":            {404, "The lifecycle configuration does not exist"},
	"NoSuchPublicAccessBlockConfiguration":    {404, "The public access block configuration was not found"},
	"NoSuchTagSet":                            {404, "The TagSet does not exist"},
	"NoSuchUpload":                            {404, "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."},
	"NoSuchVersion":                           {404, "The specified version does not exist."},
	"NotImplemented":                          {501, "A header you provided implies functionality that is not implemented"},
	"NotModified":                             {304, "Not Modified"},
	"OwnershipControlsNotFoundError":          {404, "The bucket ownership controls were not found"},
	"PreconditionFailed":                      {412, "At least one of the pre-conditions you specified did not hold"},
	"RequestTimeout":                          {400, "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed."},
	"RequestTimeTooSkewed":                    {403, "The difference between the request time and the server's time is too large."},
	"ServerSideEncryptionConfigurationNotFoundError": {404, "The server side encryption configuration was not found"},
	"XAmzContentSHA256Mismatch":                      {400, "The provided 'x-amz-content-sha256' header does not match what was computed."},
}

// statuses are the statuses of the codes, for in-process callers.
var statuses = func() map[string]int {
	m := map[string]int{}
	for code, f := range faults {
		m[code] = f.status
	}
	return m
}()

// newError makes the error of a code in AWS's words. members are names and values
// in turn.
func newError(code string, members ...any) *awswire.Error {
	f, ok := faults[code]
	if !ok {
		f = fault{status: http.StatusBadRequest, message: code}
	}
	e := &awswire.Error{Code: code, Message: f.message, Status: f.status}
	for i := 0; i+1 < len(members); i += 2 {
		if e.Members == nil {
			e.Members = map[string]any{}
		}
		e.Members[fmt.Sprint(members[i])] = fmt.Sprint(members[i+1])
	}
	return e
}

// saying gives an error other words.
func saying(e *awswire.Error, format string, args ...any) *awswire.Error {
	e.Message = fmt.Sprintf(format, args...)
	return e
}

func errNoBucket(name string) *awswire.Error { return newError("NoSuchBucket", "BucketName", name) }
func errNoKey(key string) *awswire.Error     { return newError("NoSuchKey", "Key", key) }
func errNoUpload(id string) *awswire.Error   { return newError("NoSuchUpload", "UploadId", id) }

func errNoVersion(key, id string) *awswire.Error {
	return newError("NoSuchVersion", "Key", key, "VersionId", id)
}

func errPrecondition(condition string) *awswire.Error {
	return newError("PreconditionFailed", "Condition", condition)
}

func errMarker(method string) *awswire.Error {
	return newError("MethodNotAllowed", "Method", method, "ResourceType", "DeleteMarker")
}

func errRequest(format string, args ...any) *awswire.Error {
	return saying(newError("InvalidRequest"), format, args...)
}

func errArgument(name, value, format string, args ...any) *awswire.Error {
	return saying(newError("InvalidArgument", "ArgumentName", name, "ArgumentValue", value), format, args...)
}

func errXML() *awswire.Error { return newError("MalformedXML") }

// errNotOffered refuses what the local AWS does not do, by name.
func errNotOffered(what string) *awswire.Error {
	return saying(newError("NotImplemented"), "The local AWS does not offer %s of S3; local/README.md lists what it offers.", what)
}
