// A real S3 server for tests: versitygw with a folder behind it.
//
//	s3server ADDRESS:PORT FOLDER
//
// Buckets are folders of FOLDER/buckets. The one account is that of $ROOT_ACCESS_KEY and $ROOT_SECRET_KEY. With
// $TLS_CERT and $TLS_KEY (files in PEM) it speaks TLS.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: s3server ADDRESS:PORT FOLDER")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	buckets, metadata := filepath.Join(os.Args[2], "buckets"), filepath.Join(os.Args[2], "metadata")
	for _, folder := range []string{buckets, metadata} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			log.Fatal(err)
		}
	}
	// Beside the objects, not in extended attributes, which not every file system has.
	attributes, err := meta.NewSideCar(metadata)
	if err != nil {
		log.Fatal(err)
	}
	storage, err := posix.New(buckets, attributes, posix.PosixOpts{SideCarDir: metadata})
	if err != nil {
		log.Fatal(err)
	}
	err = embedgw.RunVersityGW(ctx, storage, &embedgw.Config{
		RootUserAccess: os.Getenv("ROOT_ACCESS_KEY"),
		RootUserSecret: os.Getenv("ROOT_SECRET_KEY"),
		Ports:          []string{os.Args[1]},
		CertFile:       os.Getenv("TLS_CERT"),
		KeyFile:        os.Getenv("TLS_KEY"),
		KeepAlive:      true,
		MaxConnections: 256,
		MaxRequests:    256,
		// The number of parts that S3 allows.
		MultipartMaxParts: 10000,
	})
	if err != nil {
		log.Fatal(err)
	}
}
