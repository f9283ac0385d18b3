using System.Runtime.CompilerServices;
using Ioasis.Core.Observation;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory.Threads;

namespace Ioasis.Diagnostics.State;

/// <summary>
/// The files of a machine's nodes that are open, and the contexts that live: an observer from the machine's start on. A
/// context lives on after its file was closed while a device is bound to it.
/// </summary>
internal sealed class OpenNodes : MachineObserver
{
    /// <summary>
    /// The path of a context that a driver made for itself, as vDPA's does for each of its files.
    /// </summary>
    public const string Private = "private";

    // Guards what follows. Innermost.
    private readonly RankedLock _lock = new(LockRank.OpenNodes);
    private readonly Dictionary<object, OpenNode> _files = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<IommufdContext, Living> _contexts = [];
    private int _lastNumber;

    // Those who write of an event later still find the number then.
    private readonly ConditionalWeakTable<object, OpenNode> _fileNumbers = [];
    private readonly ConditionalWeakTable<ObjectTable, OpenNode> _contextNumbers = [];

    /// <inheritdoc/>
    public override EventKinds Kinds => EventKinds.Open | EventKinds.Close | EventKinds.Bind | EventKinds.Unbind;

    /// <summary>The open files, in the order in which they were opened.</summary>
    public IReadOnlyList<OpenNode> Files
    {
        get { using (_lock.Enter()) return [.. _files.Values.OrderBy(f => f.Number)]; }
    }

    /// <inheritdoc/>
    public override void OnOpen(in OpenEvent e)
    {
        using (_lock.Enter())
        {
            var node = new OpenNode(++_lastNumber, e.Path, e.Process);
            _files[e.File] = node;
            _fileNumbers.AddOrUpdate(e.File, node);
            if (e.File is not IommufdContext context) return;
            _contexts[context] = new Living(node) { Uses = 1 };
            _contextNumbers.AddOrUpdate(context.Objects, node);
        }
    }

    /// <inheritdoc/>
    public override void OnClose(in CloseEvent e)
    {
        using (_lock.Enter())
        {
            if (!_files.Remove(e.File)) return;
            if (e.File is IommufdContext context) Leave(context);
        }
    }

    /// <inheritdoc/>
    public override void OnBind(in BindEvent e)
    {
        if (e.Context is not IommufdContext context) return;
        using (_lock.Enter())
        {
            if (!_contexts.TryGetValue(context, out Living? living))
            {
                _contexts[context] = living = new Living(new OpenNode(++_lastNumber, Private, 0));
                _contextNumbers.AddOrUpdate(context.Objects, living.Node);
            }

            living.Uses++;
        }
    }

    /// <inheritdoc/>
    public override void OnUnbind(in UnbindEvent e)
    {
        using (_lock.Enter())
            if (e.Context is IommufdContext context) Leave(context);
    }

    /// <summary>The contexts that live, each with the file that it began with and whether that is open.</summary>
    internal IReadOnlyList<(IommufdContext Context, OpenNode Node, bool IsOpen)> Contexts
    {
        get
        {
            using (_lock.Enter())
                return [.. _contexts.OrderBy(c => c.Value.Node.Number)
                    .Select(c => (c.Key, c.Value.Node, _files.ContainsKey(c.Key)))];
        }
    }

    /// <summary>The number of the context that has, or had, an object; null if it is not known.</summary>
    internal int? NumberOf(IommufdObject one) =>
        _contextNumbers.TryGetValue(one.Objects, out OpenNode? node) ? node.Number : null;

    /// <summary>The number of a file that is, or was, open; null if it is not known.</summary>
    internal int? NumberOf(object file) => _fileNumbers.TryGetValue(file, out OpenNode? node) ? node.Number : null;

    private void Leave(IommufdContext context)
    {
        if (_contexts.TryGetValue(context, out Living? living) && --living.Uses == 0) _contexts.Remove(context);
    }

    private sealed class Living(OpenNode node)
    {
        public OpenNode Node => node;

        public int Uses { get; set; } // its file, while it is open, and the bindings
    }
}
