using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;

namespace Ioasis.Host.Callers;

/// <summary>
/// An eventfd of a caller. We share its open file description, so its flags belong to the caller and we leave them
/// alone.
/// </summary>
/// <param name="file">A descriptor of ours for it.</param>
/// <param name="signals">How to signal it; null for the best way on this host.</param>
internal sealed class EventFile(FileDescriptor file, EventSignals? signals = null) : IEventFile
{
    private readonly EventSignals _signals = signals ?? EventSignals.Shared;
    private EventWriter? _writer;

    /// <inheritdoc/>
    public void Signal()
    {
        if (!_signals.TrySignal(file)) Writer().Signal();
    }

    /// <inheritdoc/>
    public Errno Listen(object listener, Action raised, out IDisposable? listening) =>
        EventListener.Listen(listener, file, raised, resets: true, out listening);

    /// <inheritdoc/>
    public Errno Watch(object listener, Action raised, out IDisposable? watching) =>
        EventListener.Listen(listener, file, raised, resets: false, out watching);

    /// <inheritdoc/>
    public bool IsOpenElsewhere => EventFdHolders.Exist(file);

    public void Dispose()
    {
        // the writer closes the file when it has written
        if (Volatile.Read(ref _writer) is { } writer) writer.Dispose();
        else file.Dispose();
    }

    private EventWriter Writer()
    {
        if (Volatile.Read(ref _writer) is { } present) return present;
        var made = new EventWriter(file);
        return Interlocked.CompareExchange(ref _writer, made, null) ?? made;
    }
}
