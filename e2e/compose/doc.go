// Package compose reads docker/compose.yaml and docker/Dockerfile as Docker does, as far
// as these two files go, so that tests can hold them to the system and start what they
// start where there is no Docker.
//
// What may be touched: a key that the files begin to use is added here with its meaning;
// an unknown one is an error, so that nothing in the files goes unread.
package compose
