package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tensorfile/tensorfile"
	"github.com/tensorfile/tensorfile/format"
	"github.com/tensorfile/tensorfile/tensor"
)

func init() { commands = append(commands, newAttrCmd) }

func newAttrCmd(t *tool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "attr COMMAND",
		Short: "Show and change attributes of files and tensors",
		Long: `Show and change the attributes of a file or, with NAME, of one of its tensors. An
attribute is a key and a JSON value. Files of any format can be shown, .tensor
files changed, by one commit of a few kilobytes.

Some keys have a meaning: dims (names of the axes), unit, sample_rate, axes,
colour, orientation, source, layout.`,
		Example: `  tensorfile attr ls model.tensor
  tensorfile attr get model.tensor encoder.weight unit
  tensorfile attr set model.tensor encoder.weight unit=m 'dims=["y", "x"]'
  tensorfile attr rm model.tensor title`,
		Annotations: map[string]string{exitStatus: exitText("0  done", "1  there is no such attribute", "2  something could not be read or written")},
		Args:        needsCommand,
		RunE:        func(*cobra.Command, []string) error { return nil },
	}
	cmd.AddCommand(newAttrLsCmd(t), newAttrGetCmd(t), newAttrSetCmd(t), newAttrRmCmd(t))
	return cmd
}

// attrDoc is the document of attr ls and attr get: all attributes, or one.
type attrDoc struct {
	Schema string `json:"schema"`
	jsonPath
	Tensor *string `json:"tensor"` // null: the file's own
	Attrs  any     `json:"attrs"`
}

func newAttrLsCmd(t *tool) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "ls FILE [NAME]",
		Short:             "List attributes",
		Long:              "List the attributes of a file or of one of its tensors, a key and a value on a\nline, keys ascending.",
		Example:           "  tensorfile attr ls model.tensor\n  tensorfile attr ls --json weights.npz words",
		Annotations:       map[string]string{exitStatus: exitText("0  done", "2  the file or the tensor cannot be opened")},
		Args:              nArgs(1, 2),
		ValidArgsFunction: t.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			in, a, err := t.attrs(cmd, args[0], args[1:])
			if err != nil {
				return err
			}
			defer in.close()
			if asJSON {
				return t.writeAttrs(in, args[1:], a)
			}
			if len(a) == 0 && len(args) == 1 {
				t.note("%s: the file has no attributes; 'tensorfile attr ls %s NAME' lists those of a tensor", args[0], args[0])
			}
			for _, key := range slices.Sorted(maps.Keys(a)) {
				b, err := marshal(valueJSON(a[key]))
				if err != nil {
					return err
				}
				fmt.Fprintf(t.out, "%s = %s\n", clean(key), b)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	t.atFlag(cmd)
	t.databaseFlags(cmd)
	return cmd
}

func newAttrGetCmd(t *tool) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "get FILE [NAME] KEY",
		Short:             "Print the value of an attribute",
		Long:              "Print the value of one attribute of a file or of one of its tensors: text\nwithout quotes, everything else as JSON.",
		Example:           "  tensorfile attr get model.tensor title\n  tensorfile attr get model.tensor encoder.weight dims",
		Annotations:       map[string]string{exitStatus: exitText("0  done", "1  there is no such attribute", "2  the file or the tensor cannot be opened")},
		Args:              nArgs(2, 3),
		ValidArgsFunction: t.completeAttrs,
		RunE: func(cmd *cobra.Command, args []string) error {
			last := len(args) - 1
			in, a, err := t.attrs(cmd, args[0], args[1:last])
			if err != nil {
				return err
			}
			defer in.close()
			v, ok := a[args[last]]
			if !ok {
				t.noAttr(args[0], args[1:last], args[last])
				if _, err := in.Tensor(args[last]); err == nil && last == 1 {
					t.note("it has a tensor of that name: 'tensorfile attr ls %s %s' lists what that has", args[0], args[last])
				}
				return nil
			}
			if asJSON {
				return t.writeAttrs(in, args[1:last], tensorfile.Attrs{args[last]: v})
			}
			if s, ok := v.(string); ok {
				fmt.Fprintf(t.out, "%s\n", clean(s))
				return nil
			}
			return t.writeJSON(valueJSON(v))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	t.atFlag(cmd)
	t.databaseFlags(cmd)
	return cmd
}

func newAttrSetCmd(t *tool) *cobra.Command {
	var o editFlags
	cmd := &cobra.Command{
		Use:   "set FILE [NAME] KEY=VALUE...",
		Short: "Set attributes",
		Long: `Set attributes of a .tensor file or of one of its tensors, by one commit. VALUE is
JSON: 3, 0.5, true, null, "text", ["y", "x"], {"a": 1}. What is no JSON is text as
it stands, so that unit=m needs no quotes; text that looks like something else
does: 'version="1.0"'.

The second argument is NAME if there is a tensor of that name.`,
		Example: `  tensorfile attr set model.tensor title='a test' epoch=12
  tensorfile attr set model.tensor encoder.weight unit=m 'dims=["y", "x"]'`,
		Annotations:       editStatus(),
		Args:              nArgs(2, -1),
		ValidArgsFunction: t.completeAttrs,
		RunE: func(cmd *cobra.Command, args []string) error {
			var target []string
			var keys []string
			return t.edit(cmd, args[0], &o, func(e *edit) error {
				pairs := args[1:]
				_, err := e.in.Tensor(pairs[0])
				missing := errors.Is(err, tensorfile.ErrNotFound)
				switch named := err == nil || failedName(err) == pairs[0] && !missing; {
				case !named && !missing:
					return err
				case named && len(pairs) == 1:
					return usage(cmd, "KEY=VALUE is missing")
				case named:
					target, pairs = pairs[:1], pairs[1:]
				case !strings.Contains(pairs[0], "="):
					if len(pairs) > 1 {
						return e.in.notFound(pairs[0])
					}
				}
				return e.change(target, func(a tensorfile.Attrs) error {
					for _, p := range pairs {
						key, text, ok := strings.Cut(p, "=")
						if !ok || key == "" {
							return usage(cmd, "%q: an attribute has the form KEY=VALUE", p)
						}
						v, err := attrValue(text)
						if err != nil {
							return attrError(e.path, target, key, err)
						}
						a[key] = v
						keys = append(keys, key)
					}
					return nil
				})
			}, func(e *edit) error { return t.attrsChanged(e, "attr-set", target, keys, "set") })
		},
	}
	t.editFlagSet(cmd, &o)
	return cmd
}

func newAttrRmCmd(t *tool) *cobra.Command {
	var o editFlags
	cmd := &cobra.Command{
		Use:               "rm FILE [NAME] KEY",
		Short:             "Remove an attribute",
		Long:              "Remove an attribute of a .tensor file or of one of its tensors, by one commit.",
		Example:           "  tensorfile attr rm model.tensor title\n  tensorfile attr rm model.tensor encoder.weight unit",
		Annotations:       editStatus("1  there is no such attribute"),
		Args:              nArgs(2, 3),
		ValidArgsFunction: t.completeAttrs,
		RunE: func(cmd *cobra.Command, args []string) error {
			last := len(args) - 1
			target, key := args[1:last], args[last]
			return t.edit(cmd, args[0], &o, func(e *edit) error {
				return e.change(target, func(a tensorfile.Attrs) error {
					if _, ok := a[key]; !ok {
						t.noAttr(e.path, target, key)
						return errNothing
					}
					delete(a, key)
					return nil
				})
			}, func(e *edit) error { return t.attrsChanged(e, "attr-rm", target, []string{key}, "removed") })
		},
	}
	t.editFlagSet(cmd, &o)
	return cmd
}

// attrs opens a file and reads its attributes, or those of the tensor that name
// holds, if any.
func (t *tool) attrs(cmd *cobra.Command, path string, name []string) (*input, tensorfile.Attrs, error) {
	in, err := t.open(cmd.Context(), path)
	if err != nil {
		return nil, nil, err
	}
	a, err := in.attrsOf(name)
	if err != nil {
		in.close()
		return nil, nil, err
	}
	return in, a, nil
}

func (in *input) attrsOf(name []string) (tensorfile.Attrs, error) {
	if len(name) == 0 {
		return in.Attrs()
	}
	x, err := in.Tensor(name[0])
	if errors.Is(err, tensorfile.ErrNotFound) {
		if err := in.skippedAs(name[0]); err != nil {
			return nil, err
		}
		return nil, in.notFound(name[0])
	}
	if err != nil {
		return nil, err
	}
	return x.Attrs()
}

// change changes the attributes of the file, or of the tensor that name holds.
func (e *edit) change(name []string, fn func(tensorfile.Attrs) error) error {
	a, err := e.in.attrsOf(name)
	if err != nil {
		return err
	}
	own := tensorfile.Attrs{}
	maps.Copy(own, a)
	if err := fn(own); err != nil {
		return err
	}
	if len(name) == 0 {
		return e.SetAttrs(own)
	}
	return e.SetTensorAttrs(name[0], own)
}

// attrValue is what VALUE says: JSON, or text.
func attrValue(text string) (any, error) {
	if !json.Valid([]byte(text)) {
		return text, nil
	}
	m, err := format.ParseAttrs([]byte(`{"v":`+text+`}`), -1, -1)
	return m["v"], err
}

func attrError(path string, name []string, key string, err error) error {
	var e *tensorfile.Error
	if errors.As(err, &e) {
		e.Path, e.Format, e.Field = path, "", "attribute "+tensor.Quote(key)
		if len(name) > 0 {
			e.Tensor = name[0]
		}
	}
	return &hinted{err, `quotes make it text: '` + key + `="..."'`}
}

// noAttr says that there is no such attribute.
func (t *tool) noAttr(path string, name []string, key string) {
	of := "the file"
	if len(name) > 0 {
		of = "tensor " + tensor.Quote(name[0])
	}
	t.raise(exitNo)
	t.note("%s: %s has no attribute %s", path, of, tensor.Quote(key))
}

// writeAttrs prints a document with attributes.
func (t *tool) writeAttrs(in *input, name []string, a tensorfile.Attrs) error {
	doc := attrDoc{Schema: schema("attr"), jsonPath: pathJSON(in.Path()), Attrs: attrsJSON(a)}
	if doc.Attrs == nil {
		doc.Attrs = struct{}{}
	}
	if len(name) > 0 {
		doc.Tensor = &name[0]
	}
	return t.writeJSON(doc)
}

// attrsChanged says which attributes were changed.
func (t *tool) attrsChanged(e *edit, command string, name, keys []string, how string) error {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if e.o.json {
		doc := struct {
			editJSON
			Tensor *string  `json:"tensor"`
			Keys   []string `json:"keys"`
		}{editJSON: e.json(command), Keys: keys}
		if len(name) > 0 {
			doc.Tensor = &name[0]
			doc.Replaced = append(doc.Replaced, name[0])
		}
		return t.writeJSON(doc)
	}
	of := "the file"
	if len(name) > 0 {
		of = tensor.Quote(name[0])
	}
	t.say(e, "%s of %s %s", strings.Join(keys, ", "), of, how)
	return nil
}

// completeAttrs completes a file, the name of a tensor or a key, and a key.
func (t *tool) completeAttrs(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 || args[0] == "-" {
		return t.completeNames(cmd, args, prefix)
	}
	in, err := t.open(cmd.Context(), args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer in.close()
	a, err := in.attrsOf(args[1:min(2, len(args))])
	var found []string
	for _, key := range slices.Sorted(maps.Keys(a)) {
		if err == nil && strings.HasPrefix(key, prefix) && clean(key) == key {
			found = append(found, key)
		}
	}
	if len(args) == 1 {
		names, _ := t.completeNames(cmd, args, prefix)
		found = append(found, names...)
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}
