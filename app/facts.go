package app

import (
	"context"
	"slices"

	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
)

// loadFacts lays what users added over the embedded catalogue, and takes the
// fleet from the operator's file, else the stored one.
func (a *App) loadFacts(ctx context.Context, fleet []perf.FleetEntry) error {
	devices, err := a.db.Devices(ctx)
	if err != nil {
		return err
	}
	models, err := a.db.CatalogModels(ctx)
	if err != nil {
		return err
	}
	cat := a.catalog.Load()
	for _, d := range a.detected {
		if _, err := cat.Device(d.Name, d.Platform); err == nil {
			continue
		}
		if next, err := cat.WithDevice(*d); err == nil {
			cat = next
		}
	}
	for _, d := range devices { // one by one: what an older version took and this one refuses must not take the rest along
		if next, err := cat.WithDevice(d); err != nil {
			a.log.Warn("a stored device is left out", "device", d.Name, "error", err)
		} else {
			cat = next
		}
	}
	for _, m := range models {
		if next, err := cat.WithModel(m); err != nil {
			a.log.Warn("a stored model is left out", "model", m.Name, "error", err)
		} else {
			cat = next
		}
	}
	a.catalog.Store(cat)
	if fleet == nil {
		if fleet, _, err = a.db.Fleet(ctx); err != nil {
			return err
		}
	}
	if fleet, err = a.catalog.Load().CheckFleet(fleet); err != nil {
		return err
	}
	a.fleet.Store(&fleet)
	return nil
}

// Devices lists the devices, by platform and name.
func (a *App) Devices() []*perf.Device { return a.catalog.Load().Devices() }

// Device finds a device by name, alias or instance type of the fleet; an empty
// platform is any.
func (a *App) Device(name string, platform perf.Platform) (*perf.Device, error) {
	if err := checkName("device", name, true); err != nil {
		return nil, err
	}
	d, _, err := a.deviceFor(perf.Config{Device: name, Platform: platform})
	return d, err
}

// Models lists the catalogue's models by name.
func (a *App) Models() []*perf.Model { return a.catalog.Load().Models() }

// Model finds a model by name or alias.
func (a *App) Model(name string) (*perf.Model, error) {
	if err := checkName("model_name", name, true); err != nil {
		return nil, err
	}
	return a.catalog.Load().Model(name)
}

// Platforms lists the platforms that devices can be named by.
func (a *App) Platforms() []perf.Platform { return a.catalog.Load().Platforms() }

// DefaultDevice is the device that a platform stands for when a request names
// none, and whether it is only assumed (no fleet, none detected).
func (a *App) DefaultDevice(p perf.Platform) (d *perf.Device, isAssumed bool, err error) {
	d, warnings, err := a.deviceFor(perf.Config{Platform: p})
	return d, assumed(warnings), err
}

// Runtimes lists the software that models can be run by.
func (a *App) Runtimes() []predictor.Runtime { return predictor.Runtimes }

// UpsertDevice adds or corrects a device, for all requests from now on. What
// was recorded keeps the device it was resolved to.
func (a *App) UpsertDevice(ctx context.Context, d perf.Device) (perf.Device, error) {
	d.Custom = true
	a.editing.Lock()
	defer a.editing.Unlock()
	cat, err := a.catalog.Load().WithDevice(d)
	if err != nil {
		return d, err
	}
	if err := a.db.Write(ctx, db.Batch{Devices: []perf.Device{d}, Time: a.clock()}); err != nil {
		return d, err
	}
	a.catalog.Store(cat)
	a.forgetRanges()
	return d, nil
}

// UpsertModel adds or corrects a model's facts.
func (a *App) UpsertModel(ctx context.Context, m perf.Model) (perf.Model, error) {
	m.Custom = true
	if m.Family == "" {
		m.Family = catalog.Family(m)
	}
	a.editing.Lock()
	defer a.editing.Unlock()
	cat, err := a.catalog.Load().WithModel(m)
	if err != nil {
		return m, err
	}
	if err := a.db.Write(ctx, db.Batch{CatalogModels: []perf.Model{m}, Time: a.clock()}); err != nil {
		return m, err
	}
	a.catalog.Store(cat)
	a.forgetRanges()
	return m, nil
}

// UpsertModelConfig adds a model from its Hugging Face config.json.
func (a *App) UpsertModelConfig(ctx context.Context, name string, config []byte) (perf.Model, error) {
	if err := checkName("name", name, true); err != nil {
		return perf.Model{}, err
	}
	m, err := catalog.ParseConfig(name, config)
	if err != nil {
		return m, err
	}
	return a.UpsertModel(ctx, m)
}

// Fleet lists the devices that the operator has or can rent; empty when none
// was stated. Don't change it.
func (a *App) Fleet() []perf.FleetEntry { return *a.fleet.Load() }

// SetFleet replaces the fleet, for all requests from now on.
func (a *App) SetFleet(ctx context.Context, fleet []perf.FleetEntry) ([]perf.FleetEntry, error) {
	a.editing.Lock()
	defer a.editing.Unlock()
	fleet, err := a.catalog.Load().CheckFleet(fleet)
	if err != nil {
		return nil, err
	}
	if err := a.db.Write(ctx, db.Batch{Fleet: fleet, Time: a.clock()}); err != nil {
		return nil, err
	}
	a.fleet.Store(&fleet)
	return fleet, nil
}

// fleetEntry is the fleet's entry for a device, or nil.
func (a *App) fleetEntry(device string, p perf.Platform) *perf.FleetEntry {
	fleet := a.Fleet()
	i := slices.IndexFunc(fleet, func(e perf.FleetEntry) bool { return e.Device == device && e.Platform == p })
	if i < 0 {
		return nil
	}
	return &fleet[i]
}
