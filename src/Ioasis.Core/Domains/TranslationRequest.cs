using Ioasis.Memory;

namespace Ioasis.Core.Domains;

/// <summary>What a first stage is asked to translate: two words, which are passed in registers.</summary>
public readonly struct TranslationRequest
{
    private const int PasidAt = 8;
    private readonly ulong _iova;
    private readonly ulong _what; // the access, and above it the PASID plus 1

    /// <summary>Makes a request.</summary>
    /// <param name="iova">The address.</param>
    /// <param name="access">What is to be done there: one of reading and writing.</param>
    /// <param name="pasid">The PASID that it carries; null for none.</param>
    public TranslationRequest(Iova iova, MapAccess access, Pasid? pasid = null)
        : this(iova.Value, access, pasid is { } id ? id.Value + 1 : 0)
    {
    }

    internal TranslationRequest(ulong iova, MapAccess access, uint pasidKey) =>
        (_iova, _what) = (iova, ((ulong)pasidKey << PasidAt) | (ulong)access);

    /// <summary>The address.</summary>
    public Iova Iova => new(_iova);

    /// <summary>What is to be done there.</summary>
    public MapAccess Access => (MapAccess)(byte)_what;

    /// <summary>Whether it is a write.</summary>
    public bool IsWrite => (_what & (ulong)MapAccess.Write) != 0;

    /// <summary>The PASID that it carries; null for none.</summary>
    public Pasid? Pasid => _what >> PasidAt is var key and not 0 ? new Pasid((uint)key - 1) : null;
}
