using System.Collections.Frozen;

namespace Ioasis.Web.Lessons;

/// <summary>
/// The lessons, and the places for those that are begun. There are few places, as each holds a machine: who begins one
/// lesson more ends the one that was used the longest time ago.
/// </summary>
internal sealed class LessonBook : IDisposable
{
    /// <summary>How many lessons can be under way.</summary>
    internal const int Places = 4;

    private static readonly FrozenDictionary<string, Func<Lesson>> s_lessons = new Func<Lesson>[]
    {
        () => new DmaLesson(), () => new NestedLesson(), () => new SvaLesson(), () => new MdevLesson(),
        () => new VdpaLesson(), () => new ConsumersLesson(),
    }.ToFrozenDictionary(make => make().Name);

    private readonly LessonPlace[] _places =
        [.. Enumerable.Range(1, Places).Select(number => new LessonPlace(number))];

    private readonly SemaphoreSlim _beginning = new(1, 1);
    private long _begun;

    /// <summary>All lessons, in the order in which they are best taken.</summary>
    internal static IReadOnlyList<Lesson> All { get; } =
        [.. ((string[])["dma", "nested", "sva", "mdev", "vdpa", "consumers"]).Select(name => s_lessons[name]())];

    /// <summary>The places, used or not.</summary>
    internal IReadOnlyList<LessonPlace> AllPlaces => _places;

    /// <summary>The place of a lesson that is under way; null if it was left.</summary>
    /// <param name="id">What <see cref="Begin"/> gave.</param>
    internal LessonPlace? Find(string id) => Array.Find(_places, place => place.Has(id));

    /// <summary>Begins a lesson.</summary>
    /// <returns>Its ID.</returns>
    /// <exception cref="LessonException">There is none of that name, or another one is just beginning.</exception>
    internal string Begin(string name)
    {
        if (!s_lessons.TryGetValue(name, out Func<Lesson>? make))
            throw new LessonException(
                $"There is no lesson \"{name}\"; there are: {string.Join(", ", All.Select(l => l.Name))}.");
        if (!_beginning.Wait(0)) throw new LessonException("Another lesson is just beginning; try again.");
        try
        {
            LessonPlace place = _places.FirstOrDefault(p => p.Run is null) ?? _places.MinBy(p => p.UsedAt)!;
            return place.Begin(new LessonRun(make()), ++_begun);
        }
        finally
        {
            _beginning.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (LessonPlace place in _places) place.Leave();
    }
}
