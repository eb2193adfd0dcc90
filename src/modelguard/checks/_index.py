"""Says which facts each check looks for, without importing them. Made by tools/make_index.py."""

MODULES = tuple("""
    advisory_ignore approval_ended bad_signature broken_argument check custom_operators dangerous_call denied_model
    digest_mismatch dropped_result external_files file_or_network_operators file_set_differs identity_changed
    install_instructions known_vulnerability license_changed license_conditions license_conflict license_denied
    license_duty license_mismatch license_not_allowed malformed_advisory malformed_file malicious_model native_code
    nested_program network_addresses not_examined not_locked other_models partly_read permission_increase
    remote_code revoked_signer secret_in_model signature_replaced signed_too_early signer_changed stale_feed
    stale_trust_root state_injection template_escape trust_root_changed unclear_license ungranted_import
    unknown_base unknown_bytes unlisted_host unlisted_organization unread_bytes unread_feed unresolved_name
    unsafe_configuration unsafe_file unsigned_file unsigned_model vendor_inactive vendor_look_alike vendor_score_low
    vulnerable_package wrong_signer
""".split())

# Module, name, and the kinds of facts without which the check says nothing; None when it is asked always.
ROWS = (
    (
        'advisory_ignore',
        'advisory-ignore',
        ('modelguard.terms.advisory:Advised', 'modelguard.terms.advisory:IgnoreUnused'),
    ),
    ('approval_ended', 'approval-ended', ('modelguard.terms.facts:Approval', 'modelguard.terms.facts:Today')),
    (
        'bad_signature',
        'bad-signature',
        ('modelguard.terms.provenance:SignatureFault', 'modelguard.terms.provenance:Signed'),
    ),
    ('broken_argument', 'broken-argument', ('modelguard.terms.facts:Call',)),
    ('custom_operators', 'custom-operators', ('modelguard.terms.facts:Asks',)),
    ('dangerous_call', 'dangerous-call', ('modelguard.terms.facts:Call', 'modelguard.terms.facts:Import')),
    ('denied_model', 'denied-model', ('modelguard.terms.origin:Origin',)),
    (
        'digest_mismatch',
        'digest-mismatch',
        ('modelguard.terms.facts:Digested', 'modelguard.terms.facts:Pinned', 'modelguard.terms.facts:Substituted'),
    ),
    ('dropped_result', 'dropped-result', ('modelguard.terms.facts:Call', 'modelguard.terms.facts:Import')),
    ('external_files', 'external-files', ('modelguard.terms.facts:Asks',)),
    ('file_or_network_operators', 'file-or-network-operators', ('modelguard.terms.facts:Asks',)),
    ('file_set_differs', 'file-set-differs', ('modelguard.terms.facts:Pinned',)),
    ('identity_changed', 'identity-changed', ('modelguard.terms.facts:IdentityChanged',)),
    ('install_instructions', 'install-instructions', ('modelguard.terms.facts:Asks',)),
    ('known_vulnerability', 'known-vulnerability', ('modelguard.terms.advisory:Advised',)),
    ('license_changed', 'license-changed', ('modelguard.terms.licensing:Licensed',)),
    (
        'license_conditions',
        'license-conditions',
        ('modelguard.terms.licensing:LicenseRuled', 'modelguard.terms.licensing:Licensed'),
    ),
    ('license_conflict', 'license-conflict', ('modelguard.terms.licensing:LicenseConflict',)),
    (
        'license_denied',
        'license-denied',
        ('modelguard.terms.licensing:LicenseRuled', 'modelguard.terms.licensing:Licensed'),
    ),
    ('license_duty', 'license-duty', ('modelguard.terms.licensing:LicenseDuty',)),
    ('license_mismatch', 'license-mismatch', ('modelguard.terms.licensing:LicenseMismatch',)),
    (
        'license_not_allowed',
        'license-not-allowed',
        ('modelguard.terms.licensing:LicenseRuled', 'modelguard.terms.licensing:Licensed'),
    ),
    ('malformed_advisory', 'malformed-advisory', ('modelguard.terms.advisory:RecordSkipped',)),
    ('malformed_file', 'malformed-file', ('modelguard.terms.facts:Malformed', 'modelguard.terms.facts:RawNumbers')),
    ('malicious_model', 'malicious-model', ('modelguard.terms.advisory:Advised',)),
    ('native_code', 'native-code', ('modelguard.terms.facts:Asks',)),
    ('nested_program', 'nested-program', ('modelguard.terms.facts:Nested',)),
    ('network_addresses', 'network-addresses', ('modelguard.terms.facts:Asks',)),
    ('not_examined', 'not-examined', None),
    ('not_locked', 'not-locked', ('modelguard.terms.facts:NotLocked',)),
    ('other_models', 'other-models', ('modelguard.terms.facts:Asks',)),
    ('partly_read', 'partly-read', ('modelguard.terms.facts:PartlyRead',)),
    (
        'permission_increase',
        'permission-increase',
        (
            'modelguard.terms.facts:Asks',
            'modelguard.terms.facts:Earlier',
            'modelguard.terms.facts:Import',
            'modelguard.terms.facts:Pinned',
        ),
    ),
    ('remote_code', 'remote-code', ('modelguard.terms.facts:Asks',)),
    ('revoked_signer', 'revoked-signer', ('modelguard.terms.provenance:RevokedSignature',)),
    ('secret_in_model', 'secret-in-model', ('modelguard.terms.facts:Secret',)),
    ('signature_replaced', 'signature-replaced', ('modelguard.terms.provenance:PinnedSignature',)),
    ('signed_too_early', 'signed-too-early', ('modelguard.terms.provenance:SignatureExpected',)),
    (
        'signer_changed',
        'signer-changed',
        ('modelguard.terms.provenance:PinnedSignature', 'modelguard.terms.provenance:Signed'),
    ),
    ('stale_feed', 'stale-feed', ('modelguard.terms.advisory:FeedSeen',)),
    ('stale_trust_root', 'stale-trust-root', ('modelguard.terms.provenance:TrustRootSeen',)),
    ('state_injection', 'state-injection', ('modelguard.terms.facts:Build',)),
    ('template_escape', 'template-escape', ('modelguard.terms.facts:Asks',)),
    ('trust_root_changed', 'trust-root-changed', ('modelguard.terms.provenance:PinnedSignature',)),
    (
        'unclear_license',
        'unclear-license',
        ('modelguard.terms.licensing:LicenseRuled', 'modelguard.terms.licensing:Licensed'),
    ),
    ('ungranted_import', 'ungranted-import', ('modelguard.terms.facts:Import',)),
    ('unknown_base', 'unknown-base', ('modelguard.terms.licensing:BaseHint', 'modelguard.terms.licensing:BaseModel')),
    ('unknown_bytes', 'unknown-bytes', ('modelguard.terms.facts:Opaque', 'modelguard.terms.facts:RawNumbers')),
    ('unlisted_host', 'unlisted-host', ('modelguard.terms.origin:Origin',)),
    ('unlisted_organization', 'unlisted-organization', ('modelguard.terms.origin:Origin',)),
    ('unread_bytes', 'unread-bytes', ('modelguard.terms.facts:Unread',)),
    ('unread_feed', 'unread-feed', ('modelguard.terms.advisory:FeedUnread',)),
    ('unresolved_name', 'unresolved-name', ('modelguard.terms.facts:Unresolved',)),
    ('unsafe_configuration', 'unsafe-configuration', ('modelguard.terms.facts:Asks',)),
    ('unsafe_file', 'unsafe-file', None),
    ('unsigned_file', 'unsigned-file', ('modelguard.terms.provenance:Uncovered',)),
    (
        'unsigned_model',
        'unsigned-model',
        ('modelguard.terms.provenance:SignatureExpected', 'modelguard.terms.provenance:Unsigned'),
    ),
    ('vendor_inactive', 'vendor-inactive', ('modelguard.terms.vendor:VendorQuiet',)),
    ('vendor_look_alike', 'vendor-look-alike', ('modelguard.terms.vendor:VendorResembles',)),
    (
        'vendor_score_low',
        'vendor-score-low',
        ('modelguard.terms.vendor:VendorMarked', 'modelguard.terms.vendor:VendorScored'),
    ),
    ('vulnerable_package', 'vulnerable-package', ('modelguard.terms.advisory:Advised',)),
    (
        'wrong_signer',
        'wrong-signer',
        ('modelguard.terms.provenance:SignatureFault', 'modelguard.terms.provenance:Signed'),
    ),
)
