package db

import (
	"fmt"
	"strings"
)

// query renders a plan as SQL for up to limit+1 rows: the extra one says
// that there are more. Only names from the relation's own columns go into the
// text; every value is bound.
func (p *plan) query(selected string) (string, []any) {
	where, args := p.where()
	for _, at := range []struct {
		p      *position
		behind bool
	}{{p.after, true}, {p.before, false}} {
		if at.p != nil {
			c, a := p.beyond(at.p, 0, at.behind)
			where, args = append(where, c), append(args, a...)
		}
	}
	return fmt.Sprintf(`SELECT %s FROM %s AS t%s ORDER BY %s LIMIT %d`,
		selected, p.source, clause(where), p.orderBy(), p.limit+1), args
}

// total renders the count of all rows that the filters keep.
func (p *plan) total() (string, []any) {
	where, args := p.where()
	return `SELECT count(*) FROM ` + p.source + ` AS t` + clause(where), args
}

func clause(where []string) string {
	if len(where) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(where, " AND ")
}

func (p *plan) where() (where []string, args []any) {
	for _, c := range p.filters {
		name := quote(p.columns[c.column].name)
		switch {
		case c.op == In:
			if len(c.values) == 0 {
				where = append(where, "false")
				continue
			}
			where = append(where, name+" IN (?"+strings.Repeat(", ?", len(c.values)-1)+")")
		case c.values[0] == nil && c.op == Eq:
			where = append(where, name+" IS NULL")
			continue
		case c.values[0] == nil:
			where = append(where, name+" IS NOT NULL")
			continue
		case c.op == Like:
			where = append(where, name+" ILIKE ?")
		case c.op == Contains:
			where = append(where, "contains(lower("+name+"), lower(?))")
		default:
			where = append(where, name+" "+sqlOps[c.op]+" ?")
		}
		for _, v := range c.values {
			args = append(args, v)
		}
	}
	return where, args
}

// beyond is true of the rows behind a position in the list's order, or before
// it: the first column that differs decides, seq at the last.
func (p *plan) beyond(at *position, i int, behind bool) (string, []any) {
	if i == len(p.sort) {
		if p.sort[i-1].desc == behind {
			return `seq < ?`, []any{at.seq}
		}
		return `seq > ?`, []any{at.seq}
	}
	name, v := quote(p.columns[p.sort[i].column].name), at.values[i]
	rest, args := p.beyond(at, i+1, behind)
	if v == nil { // among the last
		if behind {
			return fmt.Sprintf(`(%s IS NULL AND %s)`, name, rest), args
		}
		return fmt.Sprintf(`(%s IS NOT NULL OR %s)`, name, rest), args
	}
	op, null := ">", ""
	if p.sort[i].desc == behind {
		op = "<"
	}
	if behind {
		null = name + ` IS NULL OR `
	}
	return fmt.Sprintf(`(%s%s %s ? OR %s = ? AND %s)`, null, name, op, name, rest), append([]any{v, v}, args...)
}

// orderBy is the list's order, or its reverse where the last rows are wanted.
func (p *plan) orderBy() string {
	var by []string
	desc := false
	for _, o := range p.sort {
		desc = o.desc != p.last
		by = append(by, quote(p.columns[o.column].name)+direction(desc, p.last))
	}
	return strings.Join(append(by, "seq"+direction(desc, p.last)), ", ")
}

func direction(desc, nullsFirst bool) string {
	d := " ASC"
	if desc {
		d = " DESC"
	}
	if nullsFirst {
		return d + " NULLS FIRST"
	}
	return d + " NULLS LAST"
}
