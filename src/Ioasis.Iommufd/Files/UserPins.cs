using Ioasis.Core.Pasids;

namespace Ioasis.Iommufd.Files;

/// <summary>
/// The pages charged to a user for all of the user's processes (Linux: locked_vm of struct user_struct), and other
/// charges. The same object for all processes with that real user ID.
/// </summary>
public sealed class UserPins
{
    private long _locked;

    /// <summary>Pages charged to the user.</summary>
    public ulong Locked => (ulong)Volatile.Read(ref _locked);

    /// <summary>The bytes of our memory that the contexts of all the user's processes hold.</summary>
    internal MemoryShare Memory { get; } = MemoryShare.OfUser();

    /// <summary>The PASIDs of all the user's processes.</summary>
    internal PasidShare Pasids { get; init; } = new(PasidShare.OfUser);

    internal bool TryLock(ulong pages, ulong limit) => TryAdd(ref _locked, pages, limit);

    internal void Unlock(ulong pages) => Interlocked.Add(ref _locked, -(long)pages);

    internal static bool TryAdd(ref long counter, ulong pages, ulong limit)
    {
        long now;
        do
        {
            now = Volatile.Read(ref counter);
            if (pages > limit || (ulong)now > limit - pages) return false;
        }
        while (Interlocked.CompareExchange(ref counter, now + (long)pages, now) != now);
        return true;
    }
}
