package main

import "testing"

// Older states must be read, and nothing else be taken for one.
func TestStatesOfVersion1AreMigrated(t *testing.T) {
	plugin := &Remember{}
	if totals, err := plugin.Migrate(1, []byte("3,-4")); err != nil || totals != (Totals{3, -4}) {
		t.Errorf("%v: %v", totals, err)
	}
	for _, bad := range []string{"", "3", "x,1", "3,"} {
		if totals, err := plugin.Migrate(1, []byte(bad)); err == nil {
			t.Errorf("%q is %v", bad, totals)
		}
	}
}
