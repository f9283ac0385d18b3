using Ioasis.Host.Control;

namespace Ioasis.Web.Sources;

/// <summary>Nothing to show yet: the page was opened for its lessons.</summary>
internal sealed class NoMachine : IMachineSource
{
    private const string Why = "no lesson was begun; choose one on the screen Lessons";

    /// <inheritdoc/>
    public string Kind => "lessons";

    /// <inheritdoc/>
    public string Title => "none begun";

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Ask(ControlRequest request) => throw new IOException(Why);

    /// <inheritdoc/>
    public Task Follow(ControlRequest request, Func<ReadOnlyMemory<byte>, ValueTask> take, CancellationToken stop) =>
        Task.FromException(new IOException(Why));

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
