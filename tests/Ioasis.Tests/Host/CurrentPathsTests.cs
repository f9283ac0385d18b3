using Ioasis.Host.Paths;
using Ioasis.Machine.Nodes;

namespace Ioasis.Tests.Host;

public sealed class CurrentPathsTests
{
    [Fact]
    public void AChangeOfThePathsIsSeenAndWhatStaysKeepsItsNumber()
    {
        var first = new VirtualFile("/sys/a/first", () => []);
        IReadOnlyDictionary<string, VirtualPath> paths = Make(first, new VirtualFile("/sys/b/gone", () => []));
        var current = new CurrentPaths(() => paths);
        PathTree before = current.Tree;
        Assert.Same(before, current.Tree);
        Assert.True(before.TryFind("/sys/a/first", out PathNode? stays));
        Assert.True(before.TryFind("/sys/b/gone", out PathNode? gone));

        paths = Make(new VirtualFile("/sys/c/new", () => []), first);
        PathTree after = current.Tree;
        Assert.True(after.TryFind("/sys/a/first", out PathNode? same));
        Assert.True(after.TryFind("/sys/c/new", out PathNode? added));
        Assert.False(after.TryFind("/sys/b", out _));
        Assert.Equal(stays.Number, same.Number);
        Assert.Equal(stays.Parent!.Number, same.Parent!.Number);
        Assert.DoesNotContain(added.Number,
            new[] { stays.Number, gone.Number, stays.Parent.Number, gone.Parent!.Number });
    }

    private static Dictionary<string, VirtualPath> Make(params VirtualPath[] paths) =>
        paths.ToDictionary(path => path.Path);
}
