package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A choice is the value of a flag that takes one of a few words.
type choice struct {
	value string
	of    []string
}

func (c *choice) String() string    { return c.value }
func (c *choice) Choices() []string { return c.of }

func (c *choice) Set(text string) error {
	if !slices.Contains(c.of, text) {
		return fmt.Errorf("must be %s or %s", strings.Join(c.of[:len(c.of)-1], ", "), c.of[len(c.of)-1])
	}
	c.value = text
	return nil
}

// A count is the value of a flag whose absence is something else than any number.
type count struct {
	n     int
	given bool
}

func (c *count) String() string {
	if !c.given {
		return ""
	}
	return strconv.Itoa(c.n)
}

func (c *count) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil {
		return errors.New("must be a whole number")
	}
	c.n, c.given = n, true
	return nil
}

// A list is the value of a flag that may be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, " ") }

func (l *list) Set(text string) error {
	*l = append(*l, text)
	return nil
}
