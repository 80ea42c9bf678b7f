// Package web embeds the files that browsers load, so that perfcast needs no
// internet. `make web` fetches them from npm before the build; a build without
// them works and serves plain pages instead.
package web

import (
	"embed"
	"io/fs"
)

//go:embed assets
var assets embed.FS

// Assets are the files of the folder assets.
func Assets() fs.FS {
	sub, err := fs.Sub(assets, "assets")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return sub
}
