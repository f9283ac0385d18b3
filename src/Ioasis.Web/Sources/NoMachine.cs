using Ioasis.Host.Control;
using Ioasis.Machine.Description;

namespace Ioasis.Web.Sources;

/// <summary>What a page shows that was opened for its lessons: the built-in machine, which nobody uses.</summary>
internal sealed class NoMachine : IMachineSource
{
    private readonly InProcessMachine _machine = new(MachineDescription.Default, "the machine that nobody uses");

    /// <inheritdoc/>
    public string Kind => "lessons";

    /// <inheritdoc/>
    public string Title => "none begun";

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Ask(ControlRequest request) => _machine.Ask(request);

    /// <inheritdoc/>
    public Task Follow(ControlRequest request, Func<ReadOnlyMemory<byte>, ValueTask> take, CancellationToken stop) =>
        _machine.FollowOnThread(request, take, stop);

    /// <inheritdoc/>
    public void Dispose() => _machine.Dispose();
}
