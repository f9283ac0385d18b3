using Ioasis.Abi;
using Ioasis.Core.Observation;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Iommufd.Objects;

/// <summary>
/// The objects of one context by ID. An ID is reserved first, and refers to its object only once nothing can fail any
/// more.
/// </summary>
/// <remarks>
/// A look-up takes no lock: it reads the table and adds a user, which fails if the object has been ended. An object is
/// ended, while it is unused, before it is taken out.
/// </remarks>
/// <param name="observers">The observers of what is done with the objects; null for none.</param>
public sealed class ObjectTable(Observers? observers = null)
{
    // Guards changes of the table; look-ups take no lock. Innermost: no other lock is taken while it is held.
    private readonly RankedLock _lock = new(LockRank.ObjectTable);

    // Indexed by ID. ID 0 is never used; a reserved ID has null here and is in _reserved. Replaced by a larger array
    // when full.
    private volatile IommufdObject?[] _objects = new IommufdObject?[8];
    private int _numbers = 1; // how many IDs were ever used, plus 1
    private readonly HashSet<uint> _reserved = [];
    private readonly PriorityQueue<uint, uint> _free = new();

    private IommufdIoas? _compat;
    private long _changes;

    /// <summary>Whether there is no object, not even a reserved one.</summary>
    internal bool IsEmpty
    {
        get { using (_lock.Enter()) return _reserved.Count == 0 && Array.TrueForAll(_objects, o => o is null); }
    }

    /// <summary>Number of objects that can be named.</summary>
    internal int Count
    {
        get { using (_lock.Enter()) return _objects.Count(o => o is not null); }
    }

    /// <summary>How often an object came or went. Read without the lock.</summary>
    internal long Changes => Volatile.Read(ref _changes);

    /// <summary>The observers of what is done with the objects.</summary>
    internal Observers Observers { get; } = observers ?? new Observers();

    /// <summary>The objects' charge for our memory.</summary>
    internal MemoryBudget Budget { get; } = new();

    /// <summary>
    /// Reserves the lowest free ID for an object that a program asked for. Unless committed, disposing of it undoes the
    /// reservation and the object.
    /// </summary>
    /// <returns>
    /// <see cref="Errno.ENOMEM"/> if the program may not hold more of our memory. The object is undone.
    /// </returns>
    public Errno TryReserve<T>(T created, out Pending<T>? pending) where T : IommufdObject
    {
        ArgumentNullException.ThrowIfNull(created);
        pending = null;
        created.Objects = this;
        if (!Budget.TryTake(created.Cost))
        {
            created.Destroy();
            return Errno.ENOMEM.Because("the program may not make Ioasis hold more memory");
        }

        pending = Number(created);
        return Errno.None;
    }

    /// <summary>The same for an object whose number is limited in another way, such as a bound device.</summary>
    public Pending<T> Reserve<T>(T created) where T : IommufdObject
    {
        ArgumentNullException.ThrowIfNull(created);
        Budget.Take(created.Cost);
        return Number(created);
    }

    private Pending<T> Number<T>(T created) where T : IommufdObject
    {
        created.Charged = created.Cost;
        using (_lock.Enter())
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

    /// <summary>Finds an object of a kind, and keeps it alive until the result is disposed.</summary>
    /// <returns><see cref="Errno.ENOENT"/> if no such object has that ID.</returns>
    public Errno TryGet<T>(uint id, out Held<T> held) where T : IommufdObject
    {
        IommufdObject?[] objects = _objects;
        if (id < objects.Length && Volatile.Read(ref objects[id]) is T found && found.TryAddUser())
        {
            held = new Held<T>(this, found);
            return Errno.None;
        }

        held = default;
        return Errno.ENOENT.Because($"object {id} is no {ObjectNames.Of(typeof(T))} of this context");
    }

    /// <summary>Keeps alive an object that was found in another way; false if it has been ended.</summary>
    internal bool TryHold<T>(T found, out Held<T> held) where T : IommufdObject
    {
        bool isThere = found.TryAddUser();
        held = isThere ? new Held<T>(this, found) : default;
        return isThere;
    }

    /// <summary>
    /// The object of a kind that has an ID at this moment; null if there is none. Nothing keeps it alive, so this is
    /// only for objects that refuse by themselves once they are gone.
    /// </summary>
    internal T? Find<T>(uint id) where T : IommufdObject
    {
        IommufdObject?[] objects = _objects;
        return id < objects.Length ? Volatile.Read(ref objects[id]) as T : null;
    }

    /// <summary>Finds the compatibility IOAS, and keeps it alive until the result is disposed.</summary>
    /// <returns><see cref="Errno.ENODEV"/> if there is none.</returns>
    internal Errno TryGetCompat(out Held<IommufdIoas> held)
    {
        using (_lock.Enter())
        {
            if (_compat is not null && _compat.TryAddUser())
            {
                held = new Held<IommufdIoas>(this, _compat);
                return Errno.None;
            }
        }

        held = default;
        return Errno.ENODEV.Because(
            "the context has no IOAS for VFIO's calls; IOMMU_VFIO_IOAS or a group's container sets one");
    }

    /// <summary>
    /// Sets the compatibility IOAS, until it is destroyed or another is set; null for none. The caller holds it.
    /// </summary>
    internal void SetCompat(IommufdIoas? ioas)
    {
        using (_lock.Enter()) _compat = ioas;
    }

    /// <summary>Makes a compatibility IOAS if there is none.</summary>
    internal void EnsureCompat()
    {
        using Pending<IommufdIoas> pending = Reserve(new IommufdIoas(this));
        using (_lock.Enter())
        {
            if (_compat is not null) return;
            _compat = pending.Value;
            pending.Commit();
        }
    }

    /// <summary>All objects of a kind at this moment, in ascending order of their IDs.</summary>
    internal List<T> All<T>() where T : IommufdObject
    {
        using (_lock.Enter()) return [.. _objects.OfType<T>()];
    }

    /// <summary>Takes an object out and destroys it, if it is unused.</summary>
    /// <returns><see cref="Errno.ENOENT"/> or <see cref="Errno.EBUSY"/>, with nothing changed.</returns>
    internal Errno Remove(uint id)
    {
        IommufdObject? found;
        using (_lock.Enter())
        {
            found = id < _objects.Length ? _objects[id] : null;
            if (found is null) return Errno.ENOENT.Because($"the context has no object {id}");
            if (!found.TryEnd()) return Errno.EBUSY.Because($"object {id} is in use");
            TakeOut(id);
        }

        End(found);
        return Errno.None;
    }

    /// <summary>
    /// Takes an object out and destroys it, and never reuses its ID (Linux: a tombstone). Only calls under way use it;
    /// waits for them.
    /// </summary>
    /// <returns>False if somebody else took it out before.</returns>
    internal bool Entomb(IommufdObject buried)
    {
        SpinWait wait = default;
        while (true)
        {
            using (_lock.Enter())
            {
                if (_objects[buried.Id] != buried) return false;
                if (buried.TryEnd())
                {
                    _objects[buried.Id] = null;
                    _changes++;
                    break;
                }
            }

            wait.SpinOnce();
        }

        End(buried);
        return true;
    }

    /// <summary>
    /// Takes out an object that its driver releases, the driver being its last lasting user, and destroys it once the
    /// calls that hold it are over (Linux: iommufd_object_destroy_user). The caller holds no lock that such a call
    /// waits for.
    /// </summary>
    internal void RemoveWhenUnused(IommufdObject given)
    {
        using var unused = new ManualResetEventSlim();
        using (_lock.Enter())
        {
            _objects[given.Id] = null; // no further call finds it
            _changes++;
            given.Unused = unused;
        }

        RemoveUser(given);
        // a call that had found it may come after the last user went
        for (; !given.TryEnd(); unused.Reset()) unused.Wait();
        End(given);
        using (_lock.Enter())
        {
            given.Unused = null;
            _free.Enqueue(given.Id, given.Id);
        }
    }

    /// <summary>
    /// Destroys an object that lost a user, if that was the last one and the object is still there (for automatic
    /// HWPTs).
    /// </summary>
    internal void RemoveIfUnused(IommufdObject unused)
    {
        using (_lock.Enter())
        {
            if (_objects[unused.Id] != unused || !unused.TryEnd()) return;
            TakeOut(unused.Id);
        }

        Interleave.At("ObjectTable.TakenOut");
        End(unused);
    }

    /// <summary>Adds a user to an object that the caller keeps alive.</summary>
    /// <exception cref="InvalidOperationException">The caller does not keep it alive: it has been ended.</exception>
    internal void AddUser(IommufdObject used)
    {
        if (!used.TryAddUser())
            throw new InvalidOperationException(
                $"Object {used.Id}, a {used.GetType().Name}, was ended before it got another user.");
    }

    internal void RemoveUser(IommufdObject used)
    {
        if (!used.RemoveUser() || used.Unused is null) return;
        using (_lock.Enter()) used.Unused?.Set();
    }

    /// <summary>
    /// Destroys everything, users before the objects that they use. One at a time, because the end of one may take out
    /// others, as when a driver unbinds its device.
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

    /// <summary>Takes out an object that is unused; false beyond the last ID.</summary>
    private bool TryTakeUnused(int id, out IommufdObject? unused)
    {
        using (_lock.Enter())
        {
            unused = id < _objects.Length && _objects[id] is { } found && found.TryEnd() ? found : null;
            if (unused is not null) TakeOut((uint)id);
            return id < _objects.Length;
        }
    }

    private void Publish(IommufdObject created)
    {
        using (_lock.Enter())
        {
            _reserved.Remove(created.Id);
            Volatile.Write(ref _objects[created.Id], created);
            _changes++;
        }
    }

    /// <summary>Destroys an object that is no longer in the table.</summary>
    private void End(IommufdObject ended)
    {
        ended.Destroy();
        Budget.Give(ended.Charged);
    }

    private void Abort(IommufdObject created)
    {
        End(created);
        using (_lock.Enter())
        {
            _reserved.Remove(created.Id);
            _free.Enqueue(created.Id, created.Id);
        }
    }

    private void TakeOut(uint id)
    {
        if (_objects[id] == _compat) _compat = null;
        _objects[id] = null;
        _changes++;
        _free.Enqueue(id, id);
    }

    /// <summary>An object under construction.</summary>
    public sealed class Pending<T> : IDisposable where T : IommufdObject
    {
        private readonly ObjectTable _table;
        private bool _done;

        internal Pending(ObjectTable table, T value) => (_table, Value) = (table, value);

        /// <summary>The object. It has its ID already.</summary>
        public T Value { get; }

        /// <summary>Lets programs name the object. Nothing that can fail may follow.</summary>
        public void Commit()
        {
            _table.Publish(Value);
            _done = true;
        }

        /// <summary>Frees the ID and undoes the object, unless it was committed.</summary>
        public void Dispose()
        {
            if (_done) return;
            _done = true;
            _table.Abort(Value);
        }
    }

    /// <summary>An object that cannot be destroyed until this is disposed.</summary>
    public readonly struct Held<T> : IDisposable where T : IommufdObject
    {
        private readonly ObjectTable? _table;

        internal Held(ObjectTable table, T value) => (_table, Value) = (table, value);

        /// <summary>The object; null if there is none.</summary>
        public T Value { get; }

        /// <summary>Releases the object.</summary>
        public void Dispose() => _table?.RemoveUser(Value);
    }
}
