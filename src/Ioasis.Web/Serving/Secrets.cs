namespace Ioasis.Web.Serving;

/// <summary>
/// Random words that nobody guesses. The kernel's own, as .NET's generator takes OpenSSL, which a small host lacks.
/// </summary>
internal static class Secrets
{
    private const int Bytes = 16;

    /// <summary>128 random bits in hexadecimal.</summary>
    public static string Next()
    {
        byte[] bytes = new byte[Bytes];
        using FileStream random = new("/dev/urandom", FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        random.ReadExactly(bytes);
        return Convert.ToHexStringLower(bytes);
    }

    /// <summary>Whether two words are equal; it takes equally long wherever they differ.</summary>
    public static bool AreEqual(ReadOnlySpan<char> given, ReadOnlySpan<char> secret)
    {
        int differs = given.Length ^ secret.Length;
        for (int i = 0; i < secret.Length; i++) differs |= (i < given.Length ? given[i] : 0) ^ secret[i];
        return differs == 0;
    }
}
