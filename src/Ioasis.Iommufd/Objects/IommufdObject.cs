namespace Ioasis.Iommufd.Objects;

/// <summary>
/// An object that a program names by an ID within its context (Linux: struct iommufd_object). Whoever needs it alive
/// counts as a user; only an unused object can be destroyed.
/// </summary>
public abstract class IommufdObject
{
    private const int Ended = int.MinValue; // a late user counts on from here, and sees a negative number

    // Number of users: other objects, drivers, calls under way. Changed by interlocked operations.
    private int _users;

    /// <summary>Its ID in its context, unique among objects of all kinds; 0 until it has one.</summary>
    public uint Id { get; internal set; }

    /// <summary>Bytes of our memory that it takes, including everything that it always has.</summary>
    internal virtual long Cost => 512;

    /// <summary>Bytes charged for it.</summary>
    internal long Charged { get; set; }

    /// <summary>The table that it is in. Set with its ID.</summary>
    internal ObjectTable Objects { get; set; } = null!;

    /// <summary>Adds a user; false if the object has been ended.</summary>
    internal bool TryAddUser() => Interlocked.Increment(ref _users) > 0;

    /// <summary>Removes a user that <see cref="TryAddUser"/> added.</summary>
    /// <returns>Whether it is unused now.</returns>
    /// <exception cref="InvalidOperationException">It had no user.</exception>
    internal bool RemoveUser()
    {
        int left = Interlocked.Decrement(ref _users);
        if (left >= 0) return left == 0;
        Interlocked.Increment(ref _users);
        throw new InvalidOperationException($"Object {Id}, a {GetType().Name}, lost a user that it did not have.");
    }

    /// <summary>Ends it, so that nobody can use it any more; false if it is in use or has been ended.</summary>
    internal bool TryEnd() => Interlocked.CompareExchange(ref _users, Ended, 0) == 0;

    /// <summary>
    /// Set when the last user goes; null if nobody waits for that. Changed under the object table's lock.
    /// </summary>
    internal ManualResetEventSlim? Unused { get; set; }

    /// <summary>
    /// Releases what the object holds. Called once, when it is no longer in the table and is unused. Cannot fail. Also
    /// undoes an object that was never published.
    /// </summary>
    internal abstract void Destroy();
}
