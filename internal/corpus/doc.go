// Package corpus makes the files of testdata/accept: small .tensor files that
// every reader must read, and what it must find in them. The files stay as they
// are once they are made, whatever later writers write; new ones are added. The
// expectations beside them come from spec/reader, a reader in Python that shares
// no code with this module.
//
//	go test ./internal/corpus -run TestMake -update
//	python3 spec/reader/check.py --update
package corpus
