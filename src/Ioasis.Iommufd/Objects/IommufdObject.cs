namespace Ioasis.Iommufd.Objects;

/// <summary>
/// Something that a program names by a number within its context (Linux: struct iommufd_object). Others that need it
/// alive count themselves as its users; only an object that nobody uses can be destroyed.
/// </summary>
public abstract class IommufdObject
{
    private const int Ended = int.MinValue; // a user that comes too late counts on from there, and sees that

    // Who needs it alive: other objects, drivers, calls under way. Counted by interlocked operations.
    private int _users;

    /// <summary>Its number in its context, unique among all kinds of objects; 0 until it has one.</summary>
    public uint Id { get; internal set; }

    /// <summary>Bytes of our memory that it takes, with what it always has.</summary>
    internal virtual long Cost => 512;

    /// <summary>Bytes that were charged for it.</summary>
    internal long Charged { get; set; }

    /// <summary>The objects of the context that it is one of. Set when it gets its number.</summary>
    internal ObjectTable Objects { get; set; } = null!;

    /// <summary>Counts one more user; false when it has been ended.</summary>
    internal bool TryAddUser() => Interlocked.Increment(ref _users) > 0;

    /// <summary>Undoes a <see cref="TryAddUser"/> that succeeded.</summary>
    /// <returns>Whether nobody uses it now.</returns>
    /// <exception cref="InvalidOperationException">It had no user.</exception>
    internal bool RemoveUser()
    {
        int left = Interlocked.Decrement(ref _users);
        if (left >= 0) return left == 0;
        Interlocked.Increment(ref _users);
        throw new InvalidOperationException($"Object {Id}, a {GetType().Name}, lost a user that it did not have.");
    }

    /// <summary>
    /// Ends it, so that nobody uses it any more; false while somebody does, and when it has been ended.
    /// </summary>
    internal bool TryEnd() => Interlocked.CompareExchange(ref _users, Ended, 0) == 0;

    /// <summary>Who waits for the last user to go; null for nobody. Changed under the object table's lock.</summary>
    internal ManualResetEventSlim? Unused { get; set; }

    /// <summary>
    /// Gives back what the object holds. Called once, when it is no longer in the table and has no users; cannot fail.
    /// Also undoes an object that was never published.
    /// </summary>
    internal abstract void Destroy();
}
