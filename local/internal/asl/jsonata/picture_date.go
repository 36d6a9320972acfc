package jsonata

// This file defines $now, $millis, $fromMillis and $toMillis with their pictures.
// https://www.w3.org/TR/xpath-functions-31/#formatting-dates-and-times

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// datePart is literal text, or one component and how it is written.
type datePart struct {
	literal   string
	component byte // 0: literal
	names     bool
	letters   letterCase
	second    byte // presentation modifier: t, o, ...
	least     int  // of the width
	most      int  // 0: no limit
	yearTo    int  // digits of the year that are shown; 0: all
	integer   *integerPicture
}

const isoPicture = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]"

// standardForm is how each component is written where the picture does not say.
var standardForm = map[byte]string{
	'Y': "1", 'M': "1", 'D': "1", 'd': "1", 'F': "n", 'W': "1", 'w': "1", 'X': "1", 'x': "1", 'H': "1", 'h': "1", 'P': "n",
	'm': "01", 's': "01", 'f': "1", 'Z': "01:01", 'z': "01:01", 'C': "n", 'E': "n",
}

func parseDatePicture(picture string) ([]datePart, error) {
	var parts []datePart
	literal := ""
	for i := 0; i < len(picture); i++ {
		switch c := picture[i]; {
		case c == ']' && strings.HasPrefix(picture[i:], "]]"):
			literal += "]"
			i++
		case c == '[' && strings.HasPrefix(picture[i:], "[["):
			literal += "["
			i++
		case c == '[':
			end := strings.IndexByte(picture[i:], ']')
			if end < 0 {
				return nil, fault("D3135", 0, "")
			}
			if literal != "" {
				parts, literal = append(parts, datePart{literal: literal}), ""
			}
			part, err := parseMarker(strings.Join(strings.Fields(picture[i+1:i+end]), ""))
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
			i += end
		default:
			literal += string(c)
		}
	}
	if literal != "" {
		parts = append(parts, datePart{literal: literal})
	}
	return parts, nil
}

func parseMarker(marker string) (datePart, error) {
	if marker == "" {
		return datePart{}, fault("D3132", 0, "", "value", `""`)
	}
	p := datePart{component: marker[0]}
	form, known := standardForm[p.component]
	if !known {
		return p, fault("D3132", 0, "", "value", quote(marker[:1]))
	}
	given, width, sized := strings.Cut(marker[1:], ",")
	if sized {
		least, most, _ := strings.Cut(width, "-")
		p.least, _ = strconv.Atoi(least)
		p.most, _ = strconv.Atoi(most)
	}
	if len(given) > 1 && strings.IndexByte("atcoe", given[len(given)-1]) >= 0 {
		p.second, given = given[len(given)-1], given[:len(given)-1]
	}
	if given != "" {
		form = given
	}
	switch form {
	case "n":
		p.names = true
	case "N":
		p.names, p.letters = true, upperCase
	case "Nn":
		p.names, p.letters = true, titleCase
	default:
		return p, p.number(form)
	}
	if strings.IndexByte("MFxPCEZz", p.component) < 0 {
		return p, fault("D3133", 0, "", "value", quote(marker[:1]))
	}
	return p, nil
}

func (p *datePart) number(form string) (err error) {
	if p.second == 'o' {
		form += ";o"
	}
	if p.integer, err = parseIntegerPicture(form); err != nil {
		return err
	}
	p.integer.mandatory = max(p.integer.mandatory, min(p.least, 400))
	if p.component == 'Y' {
		if p.most > 0 {
			p.yearTo = p.most
			p.integer.mandatory = max(p.integer.mandatory, min(p.most, 4))
		} else if n := p.integer.mandatory + p.integer.optional; n >= 2 {
			p.yearTo = n
		}
	}
	return nil
}

var (
	monthNames = strings.Fields("January February March April May June July August September October November December")
	dayNames   = strings.Fields("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
)

func (p *datePart) format(t time.Time, r *run) (string, error) {
	switch p.component {
	case 0:
		return p.literal, nil
	case 'P':
		s := t.Format("pm")
		if p.letters == upperCase {
			s = t.Format("PM")
		}
		return s, nil
	case 'Z', 'z':
		return p.zone(t, r)
	case 'C', 'E':
		return "ISO", nil
	}
	n := dateValue(p.component, t)
	if p.names {
		return p.name(n)
	}
	if p.yearTo > 0 && p.yearTo < 18 {
		n %= int(math.Pow10(p.yearTo))
	}
	return p.integer.format(float64(n), r)
}

func (p *datePart) name(n int) (string, error) {
	var s string
	switch p.component {
	case 'M', 'x':
		s = monthNames[n-1]
	case 'F':
		s = dayNames[n-1]
	default:
		return "", fault("D3133", 0, "", "value", quote(string(p.component)))
	}
	switch p.letters {
	case lowerCase:
		s = strings.ToLower(s)
	case upperCase:
		s = strings.ToUpper(s)
	}
	if p.most > 0 && len(s) > p.most {
		s = s[:p.most]
	}
	return s, nil
}

func dateValue(component byte, t time.Time) int {
	year, week := t.ISOWeek()
	switch component {
	case 'Y':
		return t.Year()
	case 'M':
		return int(t.Month())
	case 'D':
		return t.Day()
	case 'd':
		return t.YearDay()
	case 'F':
		return isoWeekday(t)
	case 'W':
		return week
	case 'X':
		return year
	case 'w', 'x':
		n, month := weekOfMonth(t)
		if component == 'x' {
			return month
		}
		return n
	case 'H':
		return t.Hour()
	case 'h':
		return (t.Hour()+11)%12 + 1
	case 'm':
		return t.Minute()
	case 's':
		return t.Second()
	}
	return t.Nanosecond() / 1e6
}

func isoWeekday(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }

// weekOfMonth counts weeks as ISO does for years: a week belongs to the month of
// its Thursday.
func weekOfMonth(t time.Time) (week, month int) {
	thursday := t.AddDate(0, 0, 4-isoWeekday(t))
	return (thursday.Day()-1)/7 + 1, int(thursday.Month())
}

func (p *datePart) zone(t time.Time, r *run) (string, error) {
	_, seconds := t.Zone()
	if seconds == 0 && p.second == 't' {
		return "Z", nil
	}
	picture := p.integer
	if picture == nil {
		picture, _ = parseIntegerPicture("01:01")
	}
	minutes := max(seconds, -seconds) / 60
	hours, minutes := minutes/60, minutes%60
	var s string
	var err error
	switch digits := picture.mandatory; {
	case picture.regular > 0 || digits == 3 || digits == 4:
		s, err = picture.format(float64(hours*100+minutes), r)
	case digits <= 2:
		s, err = picture.format(float64(hours), r)
		if minutes > 0 {
			s += ":" + strconv.Itoa(100 + minutes)[1:]
		}
	default:
		err = fault("D3134", 0, "", "value", formatNumber(float64(digits)))
	}
	sign := "+"
	if seconds < 0 {
		sign = "-"
	}
	if p.component == 'z' {
		sign = "GMT" + sign
	}
	return sign + s, err
}

// maxMillis is the last instant a JavaScript date can hold.
const maxMillis = 8.64e15

func fromMillis(r *run, args []any) (any, error) {
	f, ok := number(args[0])
	if !ok {
		return undefined, nil
	}
	if math.Abs(f) > maxMillis || math.IsNaN(f) {
		return nil, fault("D1001", 0, "fromMillis", "value", formatNumber(f))
	}
	return r.formatTime(time.UnixMilli(int64(f)), args[1:])
}

func now(r *run, args []any) (any, error) { return r.formatTime(r.env.Now, args) }

func millis(r *run, _ []any) (any, error) { return float64(r.env.Now.UnixMilli()), nil }

// formatTime formats t after the optional arguments picture and time zone.
func (r *run) formatTime(t time.Time, args []any) (any, error) {
	picture, ok := argument(args, 0).(string)
	if !ok {
		picture = isoPicture
	}
	parts, err := parseDatePicture(picture)
	if err != nil {
		return nil, err
	}
	zone, _ := argument(args, 1).(string)
	t = t.In(zoneOf(zone))
	var b strings.Builder
	for i := range parts {
		s, err := parts[i].format(t, r)
		if err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	return b.String(), r.grow(b.Len())
}

// zoneOf reads "+0530", "-0800" and the like; anything else is UTC.
func zoneOf(s string) *time.Location {
	n, err := strconv.Atoi(strings.ReplaceAll(s, ":", ""))
	if err != nil || n == 0 || n > 9999 || n < -9999 {
		return time.UTC
	}
	minutes := n/100*60 + n%100
	return time.FixedZone("", minutes*60)
}

var isoTime = regexp.MustCompile(`^(\d{4})(?:-([01]\d))?(?:-([0-3]\d))?(?:T([0-2]\d):([0-5]\d):([0-5]\d))?(?:\.(\d+))?([+-][0-2]\d:?[0-5]\d|Z)?$`)

func toMillis(r *run, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return undefined, nil
	}
	if picture, ok := argument(args, 1).(string); ok {
		return r.parseTime(s, picture)
	}
	m := isoTime.FindStringSubmatch(s)
	if m == nil {
		return nil, fault("D3110", 0, "toMillis", "value", quote(s))
	}
	n := func(i, absent int) int {
		if v, err := strconv.Atoi(m[i]); err == nil {
			return v
		}
		return absent
	}
	t := time.Date(n(1, 0), time.Month(n(2, 1)), n(3, 1), n(4, 0), n(5, 0), n(6, 0), 0, zoneOf(strings.TrimSuffix(m[8], "Z")))
	if n(2, 1) < 1 || n(2, 1) > 12 || n(3, 1) != t.Day() || n(4, 0) > 23 {
		return nil, fault("D3110", 0, "toMillis", "value", quote(s))
	}
	fraction, _ := strconv.Atoi((m[7] + "000")[:3])
	return float64(t.UnixMilli() + int64(fraction)), nil
}

// parseTime reads a time after a picture; one that does not match is nothing.
func (r *run) parseTime(s, picture string) (any, error) {
	parts, err := parseDatePicture(picture)
	if err != nil {
		return nil, err
	}
	var pattern strings.Builder
	pattern.WriteString("(?i)^")
	for i := range parts {
		adjacent := i+1 < len(parts) && parts[i+1].component != 0
		pattern.WriteString(parts[i].pattern(adjacent))
	}
	re, err := regexp.Compile(pattern.String() + "$")
	if err != nil {
		return nil, fault("D3136", 0, "toMillis")
	}
	m := re.FindStringSubmatch(s)
	if m == nil {
		return undefined, nil
	}
	values, at := map[byte]int{}, 1
	for i := range parts {
		if parts[i].component == 0 {
			continue
		}
		v, ok, err := parts[i].parse(m[at])
		if err != nil || !ok {
			return undefined, err
		}
		values[parts[i].component] = v
		at++
	}
	return r.assemble(values)
}

// pattern is the regular expression of what the part may look like.
func (p *datePart) pattern(adjacent bool) string {
	switch {
	case p.component == 0:
		return regexp.QuoteMeta(p.literal)
	case p.component == 'Z':
		return `([-+][0-9]+(?::?[0-9]+)?|Z)`
	case p.component == 'z':
		return `(GMT[-+][0-9]+(?::?[0-9]+)?|GMT|Z)`
	case p.component == 'P':
		return `(am|pm)`
	case p.names || p.integer == nil:
		return `([a-z]+)`
	}
	switch p.integer.form {
	case inLetters, inRoman:
		return `([a-z]+)`
	case inWords:
		return `([a-z][a-z, -]*)`
	}
	count := "+"
	if adjacent && p.integer.mandatory > 0 {
		count = "{" + strconv.Itoa(min(p.integer.mandatory, 400)) + "}"
	}
	suffix := ""
	if p.integer.ordinal {
		suffix = "(?:st|nd|rd|th)"
	}
	return `([` + regexp.QuoteMeta(string(p.integer.zero)) + `-` + regexp.QuoteMeta(string(p.integer.zero+9)) + `]` + count + suffix + `)`
}

func (p *datePart) parse(s string) (int, bool, error) {
	switch {
	case p.component == 'Z' || p.component == 'z':
		_, seconds := time.Time{}.In(zoneOf(hoursToZone(strings.TrimPrefix(strings.ToUpper(s), "GMT")))).Zone()
		return seconds, true, nil
	case p.component == 'P':
		return map[bool]int{true: 12}[strings.EqualFold(s, "pm")], true, nil
	case p.component == 'M' && p.names:
		return indexOfName(monthNames, s)
	case p.component == 'F' && p.names:
		return indexOfName(dayNames, s)
	case p.integer == nil:
		return 0, true, nil
	}
	f, ok, err := p.integer.parse(s)
	return int(f), ok && f < 1e9, err
}

// hoursToZone makes "+0500" of "+5".
func hoursToZone(s string) string {
	if len(s) > 1 && len(s) <= 3 {
		return s + "00"
	}
	return s
}

func indexOfName(names []string, s string) (int, bool, error) {
	i := slices.IndexFunc(names, func(n string) bool {
		return len(s) >= 3 && len(s) <= len(n) && strings.EqualFold(n[:len(s)], s)
	})
	return i + 1, i >= 0, nil
}

// assemble makes an instant of components. What is finer than the last of them is
// zero, what is coarser than the first is of today; a gap is an error.
func (r *run) assemble(values map[byte]int) (any, error) {
	has := func(c byte) bool { _, ok := values[c]; return ok }
	order := "YMDHmsf"
	if has('d') {
		order = "YdHmsf"
	}
	if has('X') || has('x') || has('W') || has('w') {
		return nil, fault("D3136", 0, "toMillis")
	}
	if has('h') || has('P') {
		values['H'] = values['h']%12 + values['P']
	}
	started, ended := false, false
	for i := range len(order) {
		c := order[i]
		switch {
		case has(c) && ended:
			return nil, fault("D3136", 0, "toMillis")
		case has(c):
			started = true
		case !started:
			values[c] = dateValue(c, r.env.Now.UTC())
		default:
			ended = true
			values[c] = map[byte]int{'M': 1, 'D': 1, 'd': 1}[c]
		}
	}
	if has('d') {
		values['M'], values['D'] = 1, values['d']
	}
	t := time.Date(values['Y'], time.Month(values['M']), values['D'], values['H'], values['m'], values['s'], values['f']*1e6, time.UTC)
	return float64(t.UnixMilli()) - 1000*float64(values['Z']+values['z']), nil
}
