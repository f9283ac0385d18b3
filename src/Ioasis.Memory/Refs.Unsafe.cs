using System.Runtime.CompilerServices;

namespace Ioasis.Memory;

/// <summary>What hot paths know and the compiler cannot: a reference to nothing, and the class of a node.</summary>
internal static class Refs
{
    /// <summary>A reference to nothing. Only <see cref="IsNull"/> may be asked of it.</summary>
    // SAFETY: it is neither read nor written: every caller asks IsNull first.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ref ulong Null() => ref Unsafe.NullRef<ulong>();

    /// <summary>Whether a reference is one to nothing.</summary>
    // SAFETY: compares an address; reads nothing.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsNull(ref ulong reference) => Unsafe.IsNullRef(ref reference);

    /// <summary>An object as the class that the caller knows it to be.</summary>
    // SAFETY: a caller knows the class by something that the object's constructor set.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T As<T>(object node) where T : class => Unsafe.As<T>(node);
}
