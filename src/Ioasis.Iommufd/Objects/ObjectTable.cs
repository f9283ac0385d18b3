using Ioasis.Abi;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// The objects of one context by number. A number is reserved first and shows its object only once that cannot fail any
/// more.
/// </summary>
/// <remarks>
/// Looking one up takes no lock: it is found and its users are counted, which fails once somebody has ended it. Who
/// takes an object out ends it while nobody uses it.
/// </remarks>
public sealed class ObjectTable
{
    // Guards changes of the table; looking up takes no lock. Innermost: nothing else is locked while it is held.
    private readonly Lock _lock = new();

    // Index is the number; number 0 is never given out, and a reserved number holds null and is in _reserved. Replaced
    // by a larger one when it is full.
    private volatile IommufdObject?[] _objects = new IommufdObject?[8];
    private int _numbers = 1; // how many of these were ever given out
    private readonly HashSet<uint> _reserved = [];
    private readonly PriorityQueue<uint, uint> _free = new();

    private Ioas? _compat;

    /// <summary>Whether no object exists, a reserved one included.</summary>
    internal bool IsEmpty
    {
        get { lock (_lock) return _reserved.Count == 0 && Array.TrueForAll(_objects, o => o is null); }
    }

    /// <summary>How many objects can be named.</summary>
    internal int Count
    {
        get { lock (_lock) return _objects.Count(o => o is not null); }
    }

    /// <summary>What the objects take of our memory, and who is charged for it.</summary>
    internal MemoryBudget Budget { get; } = new();

    /// <summary>
    /// Reserves the lowest free number for an object that a program asks for. Disposing undoes that, and the object,
    /// unless it was committed.
    /// </summary>
    /// <returns><see cref="Errno.ENOMEM"/> when the program may not hold more of our memory; the object is
    /// undone.</returns>
    public Errno TryReserve<T>(T created, out Pending<T>? pending) where T : IommufdObject
    {
        ArgumentNullException.ThrowIfNull(created);
        pending = null;
        created.Objects = this;
        if (!Budget.TryTake(created.Cost))
        {
            created.Destroy();
            return Errno.ENOMEM;
        }

        pending = Number(created);
        return Errno.None;
    }

    /// <summary>
    /// The same for an object of which there are only so many by other means, such as a bound device.
    /// </summary>
    public Pending<T> Reserve<T>(T created) where T : IommufdObject
    {
        ArgumentNullException.ThrowIfNull(created);
        Budget.Take(created.Cost);
        return Number(created);
    }

    private Pending<T> Number<T>(T created) where T : IommufdObject
    {
        created.Charged = created.Cost;
        lock (_lock)
        {
            if (!_free.TryDequeue(out uint id, out _))
            {
                id = (uint)_numbers++;
                if (id == _objects.Length)
                {
                    var larger = new IommufdObject?[_objects.Length * 2];
                    _objects.CopyTo(larger, 0);
                    _objects = larger;
                }
            }

            _reserved.Add(id);
            created.Id = id;
            created.Objects = this;
        }

        return new Pending<T>(this, created);
    }

    /// <summary>Finds an object of a kind and keeps it alive until the answer is disposed.</summary>
    /// <returns><see cref="Errno.ENOENT"/> when no such object has that number.</returns>
    public Errno TryGet<T>(uint id, out Held<T> held) where T : IommufdObject
    {
        IommufdObject?[] objects = _objects;
        if (id < objects.Length && Volatile.Read(ref objects[id]) is T found && found.TryAddUser())
        {
            held = new Held<T>(this, found);
            return Errno.None;
        }

        held = default;
        return Errno.ENOENT;
    }

    /// <summary>
    /// Keeps an object alive that was found by other ways than its number; false when somebody has ended it.
    /// </summary>
    internal bool TryHold<T>(T found, out Held<T> held) where T : IommufdObject
    {
        bool isThere = found.TryAddUser();
        held = isThere ? new Held<T>(this, found) : default;
        return isThere;
    }

    /// <summary>
    /// The object of a kind that has a number at this moment; null when there is none. Nothing keeps it alive: for what
    /// one that is gone refuses by itself.
    /// </summary>
    internal T? Find<T>(uint id) where T : IommufdObject
    {
        IommufdObject?[] objects = _objects;
        return id < objects.Length ? Volatile.Read(ref objects[id]) as T : null;
    }

    /// <summary>Finds the IOAS that VFIO's ioctls mean and keeps it alive until the answer is disposed.</summary>
    /// <returns><see cref="Errno.ENODEV"/> when they mean none.</returns>
    internal Errno TryGetCompat(out Held<Ioas> held)
    {
        lock (_lock)
        {
            if (_compat is not null && _compat.TryAddUser())
            {
                held = new Held<Ioas>(this, _compat);
                return Errno.None;
            }
        }

        held = default;
        return Errno.ENODEV;
    }

    /// <summary>
    /// Chooses the IOAS that VFIO's ioctls mean, until it is destroyed or another is chosen; null for none. The caller
    /// holds it.
    /// </summary>
    internal void SetCompat(Ioas? ioas)
    {
        lock (_lock) _compat = ioas;
    }

    /// <summary>Makes an IOAS for VFIO's ioctls if they mean none.</summary>
    internal void EnsureCompat()
    {
        using Pending<Ioas> pending = Reserve(new Ioas(Budget));
        lock (_lock)
        {
            if (_compat is not null) return;
            _compat = pending.Value;
            pending.Commit();
        }
    }

    /// <summary>All objects of a kind, in ascending order of their numbers, as they are now.</summary>
    internal List<T> All<T>() where T : IommufdObject
    {
        lock (_lock) return [.. _objects.OfType<T>()];
    }

    /// <summary>Takes an object out and destroys it, if nobody uses it.</summary>
    /// <returns><see cref="Errno.ENOENT"/> or <see cref="Errno.EBUSY"/>, with nothing changed.</returns>
    internal Errno Remove(uint id)
    {
        IommufdObject? found;
        lock (_lock)
        {
            found = id < _objects.Length ? _objects[id] : null;
            if (found is null) return Errno.ENOENT;
            if (!found.TryEnd()) return Errno.EBUSY;
            TakeOut(id);
        }

        End(found);
        return Errno.None;
    }

    /// <summary>
    /// Takes an object out and destroys it, and never gives its number out again (Linux: a tombstone). Nobody but calls
    /// under way uses it; they are waited for.
    /// </summary>
    /// <returns>False when somebody else took it out before.</returns>
    internal bool Entomb(IommufdObject buried)
    {
        SpinWait wait = default;
        while (true)
        {
            lock (_lock)
            {
                if (_objects[buried.Id] != buried) return false;
                if (buried.TryEnd())
                {
                    _objects[buried.Id] = null;
                    break;
                }
            }

            wait.SpinOnce();
        }

        End(buried);
        return true;
    }

    /// <summary>
    /// Takes out an object that its driver gives back, whose user that driver is, and destroys it once the calls that
    /// hold it are over (Linux: iommufd_object_destroy_user). No lock may be held that such a call waits for.
    /// </summary>
    internal void RemoveWhenUnused(IommufdObject given)
    {
        using var unused = new ManualResetEventSlim();
        lock (_lock)
        {
            _objects[given.Id] = null; // no further call finds it
            given.Unused = unused;
        }

        RemoveUser(given);
        // a call that had found it may come after the last user went
        for (; !given.TryEnd(); unused.Reset()) unused.Wait();
        End(given);
        lock (_lock)
        {
            given.Unused = null;
            _free.Enqueue(given.Id, given.Id);
        }
    }

    /// <summary>
    /// Destroys an object that lost a user, if that was the last and it is still there (HWPTs that nobody asked for by
    /// name).
    /// </summary>
    internal void RemoveIfUnused(IommufdObject unused)
    {
        lock (_lock)
        {
            if (_objects[unused.Id] != unused || !unused.TryEnd()) return;
            TakeOut(unused.Id);
        }

        Interleave.At("ObjectTable.TakenOut");
        End(unused);
    }

    /// <summary>Counts one more user of an object that the caller keeps alive.</summary>
    /// <exception cref="InvalidOperationException">The caller does not: somebody has ended it.</exception>
    internal void AddUser(IommufdObject used)
    {
        if (!used.TryAddUser())
            throw new InvalidOperationException(
            $"Object {used.Id}, a {used.GetType().Name}, was ended before it got another user.");
    }

    internal void RemoveUser(IommufdObject used)
    {
        if (!used.RemoveUser() || used.Unused is null) return;
        lock (_lock) used.Unused?.Set();
    }

    /// <summary>
    /// Destroys everything, users before what they use. One after the other: the end of one may be what takes others
    /// out, as a driver's does that unbinds its device.
    /// </summary>
    internal void Clear()
    {
        for (bool found = true; found;)
        {
            found = false;
            for (int id = 1; TryTakeUnused(id, out IommufdObject? unused); id++)
            {
                if (unused is null) continue;
                End(unused);
                found = true;
            }
        }
    }

    /// <summary>Takes out an object that nobody uses; false beyond the last number.</summary>
    private bool TryTakeUnused(int id, out IommufdObject? unused)
    {
        lock (_lock)
        {
            unused = id < _objects.Length && _objects[id] is { } found && found.TryEnd() ? found : null;
            if (unused is not null) TakeOut((uint)id);
            return id < _objects.Length;
        }
    }

    private void Publish(IommufdObject created)
    {
        lock (_lock)
        {
            _reserved.Remove(created.Id);
            Volatile.Write(ref _objects[created.Id], created);
        }
    }

    /// <summary>The end of an object that is in the table no more.</summary>
    private void End(IommufdObject ended)
    {
        ended.Destroy();
        Budget.Give(ended.Charged);
    }

    private void Abort(IommufdObject created)
    {
        End(created);
        lock (_lock)
        {
            _reserved.Remove(created.Id);
            _free.Enqueue(created.Id, created.Id);
        }
    }

    private void TakeOut(uint id)
    {
        if (_objects[id] == _compat) _compat = null;
        _objects[id] = null;
        _free.Enqueue(id, id);
    }

    /// <summary>An object that is being made.</summary>
    public sealed class Pending<T> : IDisposable where T : IommufdObject
    {
        private readonly ObjectTable _table;
        private bool _done;

        internal Pending(ObjectTable table, T value) => (_table, Value) = (table, value);

        /// <summary>The object. It has its number already.</summary>
        public T Value { get; }

        /// <summary>Lets programs name the object. Nothing that can fail may follow.</summary>
        public void Commit()
        {
            _table.Publish(Value);
            _done = true;
        }

        /// <summary>Gives the number back and undoes the object, unless it was committed.</summary>
        public void Dispose()
        {
            if (_done) return;
            _done = true;
            _table.Abort(Value);
        }
    }

    /// <summary>An object that cannot be destroyed for as long as this is not disposed.</summary>
    public readonly struct Held<T> : IDisposable where T : IommufdObject
    {
        private readonly ObjectTable? _table;

        internal Held(ObjectTable table, T value) => (_table, Value) = (table, value);

        /// <summary>The object; null when there is none.</summary>
        public T Value { get; }

        /// <summary>Lets go of the object.</summary>
        public void Dispose() => _table?.RemoveUser(Value);
    }
}
