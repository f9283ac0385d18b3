namespace Ioasis.Memory;

/// <summary>Arithmetic and order of addresses, the same for every kind of <see cref="IAddress{T}"/>.</summary>
public static class AddressArithmetic
{
    /// <summary>Arithmetic of one kind of address.</summary>
    /// <typeparam name="T">The kind.</typeparam>
    /// <param name="address">The address.</param>
    extension<T>(T address)
        where T : struct, IAddress<T>
    {
        /// <summary>Adds <paramref name="bytes"/>; false when the sum is beyond 2^64 - 1.</summary>
        public bool TryAdd(ulong bytes, out T sum)
        {
            sum = T.From(unchecked(address.Value + bytes));
            return sum.Value >= address.Value;
        }

        /// <summary>
        /// The last byte of the range of <paramref name="length"/> bytes that starts here; false when the length is 0
        /// or the range wraps.
        /// </summary>
        public bool TryLast(ulong length, out T last)
        {
            last = T.From(unchecked(address.Value + length - 1));
            return length != 0 && last.Value >= address.Value;
        }

        /// <summary>
        /// Whether the address is a multiple of <paramref name="alignment"/>, a power of two in bytes.
        /// </summary>
        public bool IsAligned(ulong alignment) => (address.Value & (alignment - 1)) == 0;

        /// <summary>The address plus <paramref name="bytes"/>.</summary>
        /// <exception cref="OverflowException">The sum is beyond 2^64 - 1.</exception>
        public static T operator +(T left, ulong bytes) => T.From(checked(left.Value + bytes));

        /// <summary>Distance in bytes from <paramref name="right"/> up to <paramref name="left"/>.</summary>
        /// <exception cref="OverflowException"><paramref name="left"/> is below <paramref name="right"/>.</exception>
        public static ulong operator -(T left, T right) => checked(left.Value - right.Value);

        /// <summary>Whether <paramref name="left"/> is below <paramref name="right"/>.</summary>
        public static bool operator <(T left, T right) => left.Value < right.Value;

        /// <summary>Whether <paramref name="left"/> is above <paramref name="right"/>.</summary>
        public static bool operator >(T left, T right) => left.Value > right.Value;

        /// <summary>Whether <paramref name="left"/> is at or below <paramref name="right"/>.</summary>
        public static bool operator <=(T left, T right) => left.Value <= right.Value;

        /// <summary>Whether <paramref name="left"/> is at or above <paramref name="right"/>.</summary>
        public static bool operator >=(T left, T right) => left.Value >= right.Value;
    }
}
