package main

// Whose turn it is at one WanDeployment: priority, then fair share between namespaces, then age. The same
// structure as operator/reconcile/video_job/queue.h: kept up to date job by job, never walked to answer for one.

import (
	"sort"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

type ticket struct {
	uid      types.UID
	key      types.NamespacedName
	priority int
	created  time.Time
	inLine   bool
	pod      string
}

func older(a, b *ticket) bool {
	if !a.created.Equal(b.created) {
		return a.created.Before(b.created)
	}
	return a.key.Name < b.key.Name
}

type queue struct {
	tickets  map[types.UID]*ticket
	lines    map[int]map[string][]*ticket // by priority and namespace, oldest first
	holders  map[string]map[types.UID]bool
	shares   map[string]int
	reserved map[types.UID]string
	told     map[types.UID]int
	waiting  int
	toldAt   time.Time
}

func newQueue() *queue {
	return &queue{tickets: map[types.UID]*ticket{}, lines: map[int]map[string][]*ticket{}, holders: map[string]map[types.UID]bool{},
		shares: map[string]int{}, reserved: map[types.UID]string{}, told: map[types.UID]int{}}
}

func (q *queue) put(job *VideoJob) {
	if job.finished() || job.DeletionTimestamp != nil {
		q.remove(job.UID)
		return
	}
	t := &ticket{uid: job.UID, key: types.NamespacedName{Namespace: job.Namespace, Name: job.Name}, priority: job.Spec.Priority,
		created: job.CreationTimestamp.Time}
	t.inLine = job.Status.Assignment == nil && !job.Spec.Suspend && !job.Spec.Cancel && job.Status.RetryTime == nil
	if job.Status.Assignment != nil {
		t.pod = job.Status.Assignment.PodUID
	}
	if pod, ok := q.reserved[job.UID]; ok {
		if t.pod == pod {
			delete(q.reserved, job.UID)
		} else {
			t.pod, t.inLine = pod, false
		}
	}
	if known, ok := q.tickets[job.UID]; ok {
		if *known == *t {
			return
		}
		q.unlink(known)
	}
	q.tickets[job.UID] = t
	q.link(t)
}

func (q *queue) remove(uid types.UID) {
	delete(q.reserved, uid)
	delete(q.told, uid)
	if t, ok := q.tickets[uid]; ok {
		q.unlink(t)
		delete(q.tickets, uid)
	}
}

func place(line []*ticket, t *ticket) int {
	return sort.Search(len(line), func(i int) bool { return !older(line[i], t) })
}

func (q *queue) link(t *ticket) {
	if t.inLine {
		if q.lines[t.priority] == nil {
			q.lines[t.priority] = map[string][]*ticket{}
		}
		line := q.lines[t.priority][t.key.Namespace]
		at := place(line, t)
		line = append(line, nil)
		copy(line[at+1:], line[at:])
		line[at] = t
		q.lines[t.priority][t.key.Namespace] = line
		q.waiting++
	} else {
		delete(q.told, t.uid)
	}
	if t.pod != "" {
		if q.holders[t.pod] == nil {
			q.holders[t.pod] = map[types.UID]bool{}
		}
		q.holders[t.pod][t.uid] = true
		q.shares[t.key.Namespace]++
	}
}

func (q *queue) unlink(t *ticket) {
	if t.inLine {
		line := q.lines[t.priority][t.key.Namespace]
		at := place(line, t)
		q.lines[t.priority][t.key.Namespace] = append(line[:at], line[at+1:]...)
		q.waiting--
	}
	if t.pod != "" {
		delete(q.holders[t.pod], t.uid)
		if len(q.holders[t.pod]) == 0 {
			delete(q.holders, t.pod)
		}
		q.shares[t.key.Namespace]--
	}
}

func (q *queue) priorities() []int {
	made := make([]int, 0, len(q.lines))
	for p := range q.lines {
		made = append(made, p)
	}
	sort.Sort(sort.Reverse(sort.IntSlice(made)))
	return made
}

func (q *queue) share(namespace string, priority int) int {
	held := q.shares[namespace]
	for p, lines := range q.lines {
		if p > priority {
			held += len(lines[namespace])
		}
	}
	return held
}

// How many waiting jobs go before this one.
func (q *queue) before(uid types.UID) int {
	t, ok := q.tickets[uid]
	if !ok {
		return 0
	}
	result := 0
	for p, lines := range q.lines {
		if p > t.priority {
			for _, line := range lines {
				result += len(line)
			}
		}
	}
	lines := q.lines[t.priority]
	own := place(lines[t.key.Namespace], t)
	round := q.share(t.key.Namespace, t.priority) + own
	for namespace, line := range lines {
		if namespace == t.key.Namespace {
			result += own
			continue
		}
		base := q.share(namespace, t.priority)
		if base > round {
			continue
		}
		earlier := min(round-base, len(line))
		result += earlier
		if earlier < len(line) && older(line[earlier], t) {
			result++
		}
	}
	return result
}

func (q *queue) reserve(job *VideoJob, pod string) {
	q.reserved[job.UID] = pod
	q.put(job)
}

func (q *queue) withdraw(job *VideoJob) {
	if _, ok := q.reserved[job.UID]; ok {
		delete(q.reserved, job.UID)
		q.put(job)
	}
}

// The free pod that it is this job's turn to take, or "".
func (q *queue) podFor(uid types.UID, free []string) string {
	if own, ok := q.reserved[uid]; ok {
		for _, pod := range free {
			if pod == own {
				return own
			}
		}
		return ""
	}
	left := -1
	for _, pod := range free {
		if len(q.holders[pod]) > 0 {
			continue
		}
		if left < 0 {
			left = q.before(uid)
		}
		if left == 0 {
			return pod
		}
		left--
	}
	return ""
}

type standing struct {
	round  int
	ticket *ticket
}

func (q *queue) first(limit int) []*ticket {
	var result []*ticket
	for _, p := range q.priorities() {
		if len(result) >= limit {
			break
		}
		var row []standing
		for namespace, line := range q.lines[p] {
			round := q.share(namespace, p)
			for i := 0; i < min(limit-len(result), len(line)); i++ {
				row = append(row, standing{round, line[i]})
				round++
			}
		}
		sort.Slice(row, func(i, j int) bool {
			if row[i].round != row[j].round {
				return row[i].round < row[j].round
			}
			return older(row[i].ticket, row[j].ticket)
		})
		for _, one := range row[:min(len(row), limit-len(result))] {
			result = append(result, one.ticket)
		}
	}
	return result
}

func rounded(before int) int {
	if before <= 4 {
		return before
	}
	made := 4
	for made < before {
		made *= 2
	}
	return made
}

func (q *queue) toldWrong() []*ticket {
	var result []*ticket
	for place, t := range q.first(q.waiting) {
		if told, ok := q.told[t.uid]; !ok || told != rounded(place) {
			result = append(result, t)
		}
	}
	return result
}
